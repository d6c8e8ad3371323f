"""How long 10,000 images of each drawn data set take, the glyphs drawn from their fonts included.

Claim: under 5 s. Run: python benchmarks/drawing.py
"""

from __future__ import annotations

import time

from simviz.datasets import clock, counting, gauge, pictograms, tree_rings

SOURCES = {"pictograms": pictograms, "tree-rings": tree_rings, "clock": clock, "counting": counting, "gauge": gauge}


def main() -> None:
    print(f"{'data set':<12} {'size':>4} {'images':>7} {'seconds':>8} {'s / 10,000':>10}")
    for name, source in SOURCES.items():
        start = time.perf_counter()
        drawn = len(source.draw())
        seconds = time.perf_counter() - start
        print(f"{name:<12} {source.SIZE:>4} {drawn:>7} {seconds:>8.2f} {seconds * 10_000 / drawn:>10.2f}")


if __name__ == "__main__":
    main()
