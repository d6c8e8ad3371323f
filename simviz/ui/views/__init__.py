"""One file a page: its widgets and their order."""
