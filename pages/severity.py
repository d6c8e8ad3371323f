"""How bad the mistakes of each loss are."""

from simviz.ui import shell

shell.require()

from simviz.ui.views import severity  # noqa: E402  (only inside the frame: the guard may restart the script)

severity.show()
