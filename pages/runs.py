"""Everything that was trained: look up, take along, delete."""

from simviz.ui import shell

shell.require()

from simviz.ui.views import runs  # noqa: E402  (only inside the frame: the guard may restart the script)

runs.show()
