"""Which classes each loss takes for which."""

from simviz.ui import shell

shell.require()

from simviz.ui.views import confusion  # noqa: E402  (only inside the frame: the guard may restart the script)

confusion.show()
