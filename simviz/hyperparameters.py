"""TrainingSpec: how to train, checked where it enters. Loads without torch, so that pages can read it."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Higher is better for these; for every other metric lower is.
RISING = ("accuracy", "top5", "macro_recall", "superclass_accuracy", "failed_superclass_accuracy", "qwk", "within_1")
Monitor = Literal["accuracy", "macro_recall", "nll", "mean_cost", "mae", "superclass_accuracy"]
MAX_RATE = 10
# The squared weights of a last layer cost PENALTY / 2. Of 0.001 ... 1 the one whose settings rank most like those of
# networks trained on (benchmarks/live_honest.py).
PENALTY = 0.1
MOST_FITTED = 10_000  # training images that a last layer on pretrained features is fitted to
TORCHVISION = "torchvision"  # as `pretrained`: the weights that torchvision offers


class TrainingSpec(BaseModel):
    """How to train; everything that is neither data nor loss."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = Field(None, description="backbone; the data set's own choice where None")
    epochs: int = Field(10, ge=1, le=10_000)
    batch_size: int = Field(64, ge=1, le=65_536)
    seed: int = Field(0, ge=0, lt=2**31)
    lr: float = Field(4e-3, gt=0, le=MAX_RATE, description="the learning rate, at its peak")
    optimizer: Literal["adam", "sgd"] = Field("adam", description="sgd is stochastic gradient descent after Nesterov")
    momentum: float | None = Field(None, gt=0, lt=1, description="of sgd, which needs it")
    schedule: Literal["one-cycle", "constant", "exponential"] = "one-cycle"
    decay: float | None = Field(
        None, gt=0, le=1, description="what an exponential schedule multiplies lr with an epoch"
    )
    warmup: int = Field(0, ge=0, description="epochs of plain cross entropy before the loss takes over")
    patience: int | None = Field(None, ge=1, description="stop after so many epochs without a better monitor")
    monitor: Monitor = "accuracy"
    augment: bool = True
    crop: int | None = Field(None, ge=8, le=512, description="side of the window, random in training, else the middle")
    mirror: bool = Field(False, description="predict the mean of the probabilities of an image and its mirror image")
    standardize: bool = Field(True, description="shift and scale pixels by the training part; else [0, 1]")
    class_weights: bool = Field(False, description="weigh classes by their inverse frequency")
    train_size: int | None = Field(None, ge=2, description="train on so many images only")
    pretrained: str | None = Field(
        None, description="torchvision, or a file of weights: the backbone is read with them and kept"
    )
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")

    @model_validator(mode="before")
    @classmethod
    def _one_epoch_if_pretrained(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("pretrained") is not None:
            return {"epochs": 1, **given}
        return given

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if (self.momentum is None) == (self.optimizer == "sgd"):
            raise ValueError(
                f"optimizer {self.optimizer} {'needs a' if self.momentum is None else 'takes no'} momentum"
            )
        if (self.decay is None) == (self.schedule == "exponential"):
            raise ValueError(f"schedule {self.schedule} {'needs a' if self.decay is None else 'takes no'} decay")
        if self.pretrained is not None:
            asked = {"epochs": self.epochs != 1, "warmup": self.warmup, "patience": self.patience}
            asked |= {"crop": self.crop, "mirror": self.mirror}
            if wrong := [name for name, value in asked.items() if value]:
                raise ValueError(f"pretrained features are read once: {wrong[0]} has no meaning there, leave it out")
        return self
