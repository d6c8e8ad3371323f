"""The controls of a learned ground distance: what one would learn without training for it.

Each is learned by the very code of the self-guided loss, from other features of validation images: the pixels, the
untrained network, a network trained with plain cross entropy (science.md calls the finding the difference to these).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simviz.runs import Comparison, Run, StoreError
from simviz.runs.files import read_json

Floats = NDArray[np.float32]

PIXELS = "class means of the pixels"
UNTRAINED = "the untrained network"
CROSS_ENTROPY = "a network trained with cross entropy"
MOST_IMAGES = 5000


def distance_from(features: ArrayLike, target: ArrayLike, num_classes: int) -> Floats:
    """The ground distance that the self-guided loss learns from features.

    Parameters
    ----------
    features : (N, F)
    target : integer (N,)

    Returns
    -------
    float32 (C, C), in [0, 1], symmetric
    """
    import torch

    from simviz.losses import SelfGuidedEMDLoss

    loss = SelfGuidedEMDLoss(num_classes)
    loss.observe(torch.as_tensor(np.asarray(features, dtype=np.float32)), torch.as_tensor(np.asarray(target)))
    return loss.end_epoch()["ground_distance"]


def controls(comparison: Comparison, run: Run) -> tuple[dict[str, Floats], dict[str, str]]:
    """The controls that a comparison has the material for.

    Returns
    -------
    found : name -> float32 (C, C)
    missing : name -> why it is not there, in a sentence
    """
    found: dict[str, Floats] = {}
    missing: dict[str, str] = {}
    count = len(comparison.classes)
    try:
        images, target = _images(comparison, run)
    except ValueError as error:
        missing[PIXELS] = missing[UNTRAINED] = str(error)
    else:
        found[PIXELS] = distance_from(images.reshape(len(images), -1), target, count)
        try:
            found[UNTRAINED] = distance_from(_untrained(run, images), target, count)
        except (ValueError, KeyError) as error:
            missing[UNTRAINED] = f"the network cannot be built again: {error}"
    try:
        found[CROSS_ENTROPY] = _cross_entropy(comparison, run)
    except ValueError as error:
        missing[CROSS_ENTROPY] = str(error)
    return found, missing


def _images(comparison: Comparison, run: Run) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Validation images and their classes."""
    rows, images = comparison.image_rows(), comparison.images()
    if images is None:
        raise StoreError("this comparison keeps no pictures.")
    found = run.predictions("validation")
    known = [i for i, name in enumerate(found.ids) if str(name) in rows][:MOST_IMAGES]
    if not known:
        raise StoreError("this comparison keeps no pictures of the validation part.")
    return images[[rows[str(found.ids[i])] for i in known]], found.target[known]


def _untrained(run: Run, images: NDArray[np.uint8]) -> Floats:
    """Features of the network as it was before the first step of its seed."""
    import torch

    from simviz import models
    from simviz.pixels import standardized, statistics, window

    name = run.spec.model or str(read_json(run.path / "environment.json")["model"])
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(run.spec.seed)
        seen = torch.from_numpy(np.ascontiguousarray(images))
        if run.spec.crop is not None:
            seen = window(seen, run.spec.crop)
        backbone = models.build(name, (seen.shape[3], *seen.shape[1:3])).eval()
        known = statistics(seen, run.spec.standardize)
        return torch.cat([backbone(standardized(part, *known)) for part in seen.split(512)]).numpy()


def _cross_entropy(comparison: Comparison, run: Run) -> Floats:
    """From the features of a run of plain cross entropy, of the same seed if there is one."""
    plain = sorted((r for r in comparison.runs if r.setting == "ce"), key=lambda r: r.spec.seed != run.spec.seed)
    if not plain:
        raise StoreError("this comparison has no run of ce; train one beside self_guided.")
    for other in plain:
        if other.has_predictions("validation"):
            found = other.predictions("validation", features=True)
            if found.features is not None:
                return distance_from(found.features, found.target, len(comparison.classes))
    raise StoreError("the runs of ce in this comparison keep no features.")
