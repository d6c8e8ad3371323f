"""The keys of everything that a link restores, and the values they may take.

A key is the name of a query parameter as well, so it is short and stays. Values are ASCII ids.
"""

from __future__ import annotations

COMPARISON, A, B, ORDER = "c", "a", "b", "order"
FRAME = (COMPARISON, A, B, ORDER)

SOURCE, DATA, NAMES, BY, KEEP, LOWER, RATIO, POWER, SHOWN = (
    *("from", "data", "names", "by", "keep", "lower_bound"),
    *("r", "power", "as"),
)
SIMILARITY = (SOURCE, DATA, NAMES, BY, KEEP, LOWER, RATIO, POWER, SHOWN)

SOURCES = ("words", "order", "positions", "groups", "file")
OWN = "own"
BOUNDS = ("keep", "lower_bound")
KINDS = ("similarity", "distance")
ORDERS = ("index", "name", "group", "similarity")

# Which keys a page's link writes out besides the frame's.
OF_PAGE: dict[str, tuple[str, ...]] = {"similarity": SIMILARITY}
