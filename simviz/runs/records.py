"""What the JSON files of a comparison hold. A file that holds something else is refused where it is read."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from simviz.classes import quoted

SCHEMA_VERSION = 1
MAX_RUNS = 2000
MAX_TEXT = 4000
MAX_ERROR = 100_000  # what PyTorch says of weights that do not fit is long
LAST_SECOND = 2**35  # since 1970: what a clock can show on every system

Plain = str | int | float | bool | None


class Status(BaseModel):
    state: str = Field(max_length=40)
    epoch: int = 0
    epochs: int = 0
    reached: int | None = None
    seconds: float | None = None
    progress: float | None = None
    error: str | None = Field(default=None, max_length=MAX_ERROR)


class Data(BaseModel):
    name: str = Field(max_length=MAX_TEXT)
    fingerprint: str = Field(max_length=100)
    split: dict[Literal["train", "validation", "test"], int]
    unit_name: str = Field(default="image", max_length=100)
    notes: list[str] = []


class Origin(BaseModel):
    name: str = Field(max_length=MAX_TEXT)
    spec: str = Field(default="", max_length=MAX_TEXT)
    fingerprint: str = Field(default="", max_length=100)


class Choice(BaseModel):
    choice: str | None = Field(default=None, max_length=MAX_TEXT)
    text: str = Field(default="", max_length=MAX_TEXT)


class Info(BaseModel):
    model_config = ConfigDict(extra="allow")
    schema_version: int = Field(default=SCHEMA_VERSION, le=SCHEMA_VERSION)
    title: str = Field(default="", max_length=MAX_TEXT)
    created: float = Field(default=0.0, ge=0, lt=LAST_SECOND)
    runs: list[str] = Field(max_length=MAX_RUNS)
    classes: dict[str, Any]
    ruler: Choice = Choice()
    dataset: Origin
    unit_name: str = Field(default="image", max_length=100)
    notes: list[str] = []
    counted: list[str] = Field(default=[], description="settings read from counts, whose samples have no names")


class Flat(RootModel[dict[str, Plain]]):
    """Names and plain values."""


class Epoch(RootModel[dict[str, int | float | bool | None]]):
    """Names and numbers."""


RECORDS: dict[str, type[BaseModel]] = {
    "comparison.json": Info,
    "status.json": Status,
    "data.json": Data,
    "environment.json": Flat,
    "result.json": Flat,
}


def check(name: str, data: dict[str, Any]) -> None:
    """ValueError, naming the field, unless the object is what a file of this name holds; other names hold anything."""
    record = RECORDS.get(name)
    if record is None:
        return
    try:
        record.model_validate(data, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))[:80] or "the file"
        raise ValueError(f"{field} is {quoted(first['input'])}: {first['msg']}") from None
