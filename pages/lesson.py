"""Lessons: a question, votes, then the answer from the runs in view."""

from simviz.ui import shell

shell.require()

from simviz.ui.views import lesson  # noqa: E402  (only inside the frame: the guard may restart the script)

lesson.show()
