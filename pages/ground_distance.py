"""How a learned distance grows."""

from simviz.ui import shell

shell.require()

from simviz.ui.views import ground_distance  # noqa: E402  (only inside the frame: the guard may restart the script)

ground_distance.show()
