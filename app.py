"""The app: `streamlit run app.py`, or `simviz app`."""

from simviz.ui import shell

shell.configure()
shell.run()
