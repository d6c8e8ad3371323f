"""The app: `streamlit run app.py`, or `simviz app`."""

import streamlit as st

from simviz.ui import shell

st.set_page_config(page_title="simviz", page_icon=shell.ICON, layout="wide")
shell.run()
