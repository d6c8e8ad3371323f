"""The losses by name, and from a setting to a loss."""

from __future__ import annotations

import difflib
from typing import Any, TypeVar

from simviz.classes import ClassSet
from simviz.losses.base import ClassLoss
from simviz.settings import Setting, parse_setting

_LOSSES: dict[str, type[ClassLoss]] = {}
_Loss = TypeVar("_Loss", bound=type[ClassLoss])


def register(cls: _Loss) -> _Loss:
    """Class decorator: make a loss known under its `name`, in settings and everywhere losses are listed.

    Raises
    ------
    ValueError
        The class is no ClassLoss, lacks `name` or `title`, or another loss has the name.
    """
    if not (isinstance(cls, type) and issubclass(cls, ClassLoss)):
        raise ValueError(f"{cls!r} is not a subclass of simviz.losses.ClassLoss")
    name, title = getattr(cls, "name", None), getattr(cls, "title", None)
    if not (isinstance(name, str) and name.isidentifier() and isinstance(title, str) and title):
        raise ValueError(f"{cls.__name__} needs a name (an identifier; it is {name!r}) and a title (it is {title!r})")
    known = _LOSSES.get(name)
    # the same class again is a notebook cell run twice
    if known and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(f"there is already a loss {name!r}, {known.__qualname__} in {known.__module__}")
    _LOSSES[name] = cls
    return cls


def unregister(name: str) -> None:
    """Forget a loss; ValueError if there is none of that name."""
    del _LOSSES[get(name).name]


def get(name: str) -> type[ClassLoss]:
    """The class of a loss by its name; ValueError with the names there are.

    >>> get("simloss").title
    'SimLoss'
    """
    if name in _LOSSES:
        return _LOSSES[name]
    near = difflib.get_close_matches(str(name), _LOSSES, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ValueError(f"there is no loss {name!r}{hint}; there are {', '.join(_LOSSES)}")


def available() -> tuple[str, ...]:
    """The names of all losses, the built-in ones first."""
    return tuple(_LOSSES)


def build(setting: str | Setting, classes: ClassSet, *, vectors: Any = None, weight: Any = None) -> ClassLoss:
    """The loss that a setting means for these classes.

    Parameters
    ----------
    setting : str or Setting
        ``LOSS[:key=value,...][@MATRIX[:key=value,...]]``.
    classes : ClassSet
    vectors : Vectors or gensim KeyedVectors, optional
        Where the matrix ``words`` looks words up; the bundled ones by default.
    weight : tensor or array (C,), optional
        Class weights.

    Raises
    ------
    ValueError
        Unknown loss, matrix or option; a matrix missing or superfluous; classes without the order the
        loss needs.

    Examples
    --------
    >>> build("emd2", ClassSet(["young", "old"], positions=[20, 70])).gaps.tolist()
    [50.0, 0.0]
    """
    setting = parse_setting(setting)
    cls = get(setting.loss.name)
    for key in setting.loss.options:
        if key in ("weight", "ignore_index", "reduction"):
            raise ValueError(f"{key!r} is no option of a setting; pass it from Python")
    matrix = None
    if setting.matrix is not None and cls.matrix is not None:
        from simviz import matrices

        matrix = matrices.build(setting.matrix, classes, vectors=vectors)
    elif setting.matrix is not None:
        raise ValueError(f"{cls.name} takes no matrix; write {setting.loss} without '@{setting.matrix}'")
    return cls.from_classes(classes, matrix, **setting.loss.options, **({} if weight is None else {"weight": weight}))
