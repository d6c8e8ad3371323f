"""Build a similarity or a distance between classes."""

from simviz.ui import shell

shell.require()

from simviz.ui.views import similarity  # noqa: E402  (only inside the frame: the guard may restart the script)

similarity.show()
