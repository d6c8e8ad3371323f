"""RunSpec: everything that makes a run what it is, checked where it enters."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from simviz.classes import quoted
from simviz.hyperparameters import TrainingSpec
from simviz.settings import Setting, parse_setting


def _canonical(setting: str) -> str:
    return str(parse_setting(setting))


def _as_tuple(given: Any) -> Any:
    """What a validator of the whole has looked at is no JSON any more, in which a list is a tuple."""
    return tuple(given) if isinstance(given, list) else given


class RunSpec(TrainingSpec):
    """One run: data, loss setting, training, ruler. Plain JSON in and out."""

    dataset: str = Field(description="a data set's name or a path")
    loss: Annotated[str, AfterValidator(_canonical)] = Field(description="LOSS[:key=value,...][@MATRIX[:...]]")
    test: str | None = Field(None, description="where the test part lies, if apart")
    drop: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = Field((), description="classes left out")
    image_size: int | None = Field(None, ge=8, le=512)
    words: dict[str, str] = Field(default_factory=dict, description="the word looked up for some classes")
    ruler: str | None = Field(None, description="groups, positions, words, zero_one or a matrix file; None: chosen")

    predictions: str | None = Field(None, description="the file they came from: the model was made elsewhere")
    columns: dict[str, str] = Field(default_factory=dict, description="what was said of that file's columns")
    class_table: str | None = Field(None, description="the file that told the classes of such predictions")

    @property
    def setting(self) -> Setting:
        return parse_setting(self.loss)


def checked(**values: Any) -> RunSpec:
    """A RunSpec, or a ValueError of one sentence naming the field, the value and what is allowed."""
    try:
        return RunSpec(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the run"
        message = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{where[:80]} is {quoted(first['input'])}: {message[:1000]}") from None
