"""What each loss pays for."""

from simviz.ui import shell

shell.require()

from simviz.ui.views import losses  # noqa: E402  (only inside the frame: the guard may restart the script)

losses.show()
