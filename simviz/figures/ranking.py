"""Pictures of how far the best-ranked classes are from the true one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from simviz.figures import style


def top_distances(curves: Mapping[str, ArrayLike], *, unit: str, k: int, title: str = "") -> go.Figure:
    """The average distance of the k best-ranked classes against k, a line a setting; the chosen k is marked.

    Parameters
    ----------
    curves : setting -> array_like (K,), AHD@1 ... AHD@K in `unit`
    k : int, 1 <= k <= K

    Raises
    ------
    ValueError
        For a k beyond the curves.
    """
    longest = max((np.size(c) for c in curves.values()), default=0)
    if not 1 <= k <= longest:
        raise ValueError(f"k is {k}; the curves reach from 1 to {longest}")
    fig = go.Figure()
    for setting, look in style.setting_styles(curves).items():
        values = np.asarray(curves[setting], dtype=np.float64)
        fig.add_scatter(
            x=np.arange(1, len(values) + 1),
            y=values,
            mode="lines+markers",
            name=style.escape(setting),
            line={"color": look.color, "dash": look.dash},
            marker={"symbol": look.symbol, "size": 6},
            hovertemplate="%{fullData.name}<br>AHD@%{x}: %{y:.3f}<extra></extra>",
        )
    fig.add_vline(k, line={"width": 1, "dash": "dot", "color": "gray"})
    fig.update_xaxes(
        title="k, how many of the best-ranked classes count", rangemode="tozero", dtick=max(1, longest // 10)
    )
    fig.update_yaxes(title=f"AHD@k ({style.escape(unit)}; lower is better)", rangemode="tozero")
    return style.finish(fig, title=title, height=400 + 18 * len(curves), legend=True)
