"""Start page."""

from simviz.ui import shell

shell.require()

from simviz.ui.views import home  # noqa: E402  (only inside the frame: the guard may restart the script)

home.show()
