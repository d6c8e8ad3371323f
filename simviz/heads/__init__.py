"""The last layer of a network, fitted anew on frozen features: what another loss would make of them. Needs torch.

>>> import numpy as np
>>> from simviz import ClassSet, evaluation, heads, losses
>>> random = np.random.default_rng(0)
>>> classes = ClassSet(["cat", "dog", "truck"])
>>> target = np.arange(300) % 3
>>> known = heads.features(random.normal(size=(300, 5)) + 2 * np.eye(3, 5)[target], target, len(classes))
>>> fit, asked = known.halves()
>>> refitter = heads.Refitter(known.take(fit))  # what all heads share is computed once
>>> head = refitter.head(losses.build("simloss@order:r=0.3", classes))
>>> found = heads.judge(head, known.take(asked), classes=classes, ruler=evaluation.ruler(classes, "zero_one"))
>>> found.converged, found.metrics["accuracy"] > 0.6
(True, True)
"""

from simviz.heads.features import Features, drawn, features
from simviz.heads.gains import gains
from simviz.heads.judging import Verdict, cross_fitted, judge, pareto, varied
from simviz.heads.refit import Head, Refitter
from simviz.hyperparameters import PENALTY

__all__ = [
    "PENALTY",
    "Features",
    "Head",
    "Refitter",
    "Verdict",
    "cross_fitted",
    "drawn",
    "features",
    "gains",
    "judge",
    "pareto",
    "varied",
]
