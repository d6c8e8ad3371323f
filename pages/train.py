"""Start a comparison of losses and watch it."""

from simviz.ui import shell

shell.require()

from simviz.ui.views import train  # noqa: E402  (only inside the frame: the guard may restart the script)

train.show()
