"""The last layer of a trained network under a loss and a matrix that sliders choose."""

from simviz.ui import shell

shell.require()

from simviz.ui.views import live  # noqa: E402  (only inside the frame: the guard may restart the script)

live.show()
