"""How to train: everything that is neither data nor loss. Defaults are those of the command line."""

from __future__ import annotations

from typing import Any

import streamlit as st

from simviz.classes import ClassSet
from simviz.datasets import ImageDataset
from simviz.evaluation.ruler import RULERS
from simviz.hyperparameters import TORCHVISION, Monitor, TrainingSpec
from simviz.runs.spec import RunSpec
from simviz.ui import cache, given, links, state
from simviz.ui.text import code, plain

MODELS = ("lenet", "age", "convnet", "resnet18")
BACKBONES = ("trained here", "pretrained, torchvision's", "pretrained, from a file")
PRETRAINED_MODEL = "resnet18@224"
MAX_EPOCHS, MAX_SEEDS = 1000, 50


def offer(data: ImageDataset, spec: RunSpec) -> None:
    """Callback of another page: the images and the network of a run, as far as there are boxes for them here."""
    total, size = len(data.indices("train")), spec.train_size
    fits = size is not None and len(data.classes) <= size <= total
    weights = {None: 0, TORCHVISION: 1}.get(spec.pretrained, 2)
    st.session_state.update(
        {
            _drop_key(data): [name for name in spec.drop if name in data.classes.names],
            _size_key(data): size if fits else None,
            "model": spec.model,
            "backbone": BACKBONES[weights],
            "weights-file": spec.pretrained if weights == 2 else "",
        }
    )


def _drop_key(data: ImageDataset) -> str:
    return f"drop-{data.classes.fingerprint}"


def _size_key(data: ImageDataset) -> str:
    return f"size-{data.fingerprint}"


def images(data: ImageDataset) -> tuple[tuple[str, ...], int | None]:
    """Classes to leave out, and how many images to train on (None: all)."""
    left, right = st.columns([2, 1])
    drop = left.multiselect(
        "Leave classes out", list(data.classes), key=_drop_key(data), persist_state="session", placeholder="none"
    )
    total = len(data.indices("train"))
    size = right.number_input(
        "Training images",
        min_value=len(data.classes),
        max_value=total,
        value=None,
        step=100,
        key=_size_key(data),
        persist_state="session",
        placeholder=f"all {total:,}",
        help="A random part of each class. Validation and test stay whole.",
    )
    return tuple(drop), None if size is None else int(size)


def show(classes: ClassSet) -> tuple[int, dict[str, Any]]:
    """The number of seeds, and the fields of a RunSpec that were chosen here, with the title and the budget.

    "missing" says whether the weights of the backbone are still to be named.
    """
    links.outside(state.EPOCHS, 1, MAX_EPOCHS, "the number of epochs")
    links.outside(state.SEEDS, 1, MAX_SEEDS, "the number of seeds")
    left, middle, limit, right = st.columns([2, 2, 2, 3])
    epochs = left.number_input(
        "Epochs", 1, MAX_EPOCHS, _default("epochs"), key=state.EPOCHS, bind=links.bind(state.EPOCHS)
    )
    seeds = middle.number_input(
        "Seeds",
        1,
        MAX_SEEDS,
        3,
        key=state.SEEDS,
        bind=links.bind(state.SEEDS),
        help="One seed decides nothing; three are few.",
    )
    budget = limit.number_input(
        "Budget in minutes",
        min_value=0.1,
        value=None,
        step=5.0,
        format="%g",
        key="budget",
        persist_state="session",
        placeholder="none",
        help="Once it has trained that long, the run under way ends with what it reached and no other begins. "
        "What is left can be resumed.",
    )
    title = right.text_input("Title", key="title", persist_state="session", placeholder="made from data and losses")
    tuned = _tuned()
    chosen = {"epochs": int(epochs), "title": title.strip()[:200], "budget": budget, "tuned": tuned, "missing": False}
    with st.expander("Training options", icon=":material/tune:", key="options"):
        network = _network()
        looked = _pretrained(network["model"])
        fields = chosen | network | _stopping(tuned) | _measure(classes) | looked
    return 1 if looked else int(seeds), fields  # what is fitted, not trained, is the same for every seed


def _tuned() -> bool:
    """Whether each setting gets the learning rate that is best on the validation part."""
    links.unknown(state.RATES, state.RATE_CHOICES, "choice of learning rates")
    choice = st.segmented_control(
        "Learning rates",
        state.RATE_CHOICES,
        default=state.RATE_CHOICES[0],
        required=True,
        key=state.RATES,
        bind="query-params",
        help="A rate that suits one loss may starve another. Tuned: before the runs, every setting is trained once "
        "with each of five rates, a factor 3 apart around the one in the training options, and takes the one that is "
        "best on the validation part by the metric watched there; while that lies at an edge, one more is tried.",
    )
    return choice == state.RATE_CHOICES[1]


def _default(field: str) -> Any:
    return TrainingSpec.model_fields[field].default


def _network() -> dict[str, Any]:
    one, two, three, four = st.columns(4)
    model = one.selectbox(
        "Model",
        MODELS,
        index=None,
        key="model",
        persist_state="session",
        accept_new_options=True,
        placeholder="the data set's own",
        help="Or type the name of a torchvision classification model, e.g. mobilenet_v3_small; mobilenet_v3_small@224 "
        "brings the pictures to 224 pixels first.",
    )
    rate = two.number_input(
        "Learning rate", 1e-6, 10.0, _default("lr"), step=5e-4, format="%g", key="lr", persist_state="session"
    )
    batch = three.number_input("Batch size", 1, 65_536, _default("batch_size"), key="batch", persist_state="session")
    device = four.selectbox(
        "Device",
        ("auto", "cpu", "cuda"),
        key="device",
        persist_state="session",
        accept_new_options=True,
        help="auto takes the first GPU if there is one. cuda:1 is the second.",
    )
    four.caption(f"Here: {plain(cache.machine())}.")
    return {"model": model, "lr": rate, "batch_size": int(batch), "device": device}


def _pretrained(model: str | None) -> dict[str, Any]:
    """Whether the backbone is somebody else's, and then all that this decides."""
    one, two = st.columns([1, 2], vertical_alignment="bottom")
    choice = one.selectbox(
        "Backbone",
        BACKBONES,
        key="backbone",
        persist_state="session",
        help="Pretrained: every picture goes once through a torchvision network whose weights stay as they are, and "
        "a last layer is fitted to what comes out, for each loss. The features are kept for the next time, and for the "
        "page “Drag the matrix”. Warm-up and early stopping have no part in it.",
    )
    if choice == BACKBONES[0]:
        return {}
    name = model if model and "@" in model else PRETRAINED_MODEL
    fixed = {"model": name, "epochs": 1, "warmup": 0, "patience": None}
    if choice == BACKBONES[1]:
        two.caption(f"{code(name)}; another one is typed as the model, such as `mobilenet_v3_small@224`.")
        return fixed | {"pretrained": TORCHVISION}
    path = given.path_instead("weights-file", f"State_dict of {code(name)}", two)
    return fixed | {"pretrained": path, "missing": path is None}


def _stopping(tuned: bool) -> dict[str, Any]:
    one, two, three, four = st.columns(4, vertical_alignment="bottom")
    warmup = one.number_input(
        "Warm-up epochs",
        0,
        MAX_EPOCHS,
        _default("warmup"),
        key="warmup",
        persist_state="session",
        help="Epochs of plain cross entropy before the loss takes over.",
    )
    patience = two.number_input(
        "Stop early after",
        min_value=1,
        max_value=MAX_EPOCHS,
        value=None,
        key="patience",
        persist_state="session",
        placeholder="never",
        help="Epochs without a better value on the validation part; the best epoch is kept.",
    )
    watched = Monitor.__args__  # type: ignore[attr-defined]
    monitor = three.selectbox(
        "watching",
        watched,
        key="monitor",
        persist_state="session",
        disabled=patience is None and not tuned,
        format_func=_words,
    )
    weights = four.toggle(
        "Class weights",
        key="weights",
        persist_state="session",
        help="Weigh classes by their inverse frequency, so that rare ones count as much.",
    )
    return {
        "warmup": int(warmup),
        "patience": None if patience is None else int(patience),
        "monitor": monitor,
        "class_weights": weights,
    }


def _measure(classes: ClassSet) -> dict[str, Any]:
    """The ruler of the mistakes, which plays no part in training."""
    lacking = {"groups": classes.groups is None, "positions": classes.positions is None}
    ruler = st.selectbox(
        "Ruler",
        [r for r in RULERS if not lacking.get(r)],
        index=None,
        key="ruler",
        persist_state="session",
        placeholder="groups if the classes have them, else positions, else words",
        format_func=_words,
        help="By which distance mistakes are measured. It never depends on the loss, and can be changed later.",
    )
    return {"ruler": ruler}


def _words(name: str) -> str:
    return plain(name.replace("_", " "))
