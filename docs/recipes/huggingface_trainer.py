"""SimLoss in the Hugging Face Trainer, with the metrics that see how bad a mistake is.

The Trainer takes any loss as `compute_loss_func`. It says how many samples the whole accumulated batch has, so the loss
is summed and divided by that, as the Trainer's own losses are. Needs `pip install transformers accelerate`.
"""

from __future__ import annotations

import tempfile
from typing import Any

import pictures
import torch
from torch import Tensor
from transformers import EvalPrediction, ResNetConfig, ResNetForImageClassification, Trainer, TrainingArguments

from simviz import evaluation, losses, matrices
from simviz.datasets import ImageDataset


def samples(data: ImageDataset, part: str) -> list[dict[str, Tensor]]:
    images, labels = pictures.tensors(data, part)
    return [{"pixel_values": image, "labels": label} for image, label in zip(images, labels, strict=True)]


def network(num_classes: int) -> ResNetForImageClassification:
    sizes = {"embedding_size": 32, "hidden_sizes": [32, 64, 128], "depths": [1, 1, 1]}
    return ResNetForImageClassification(ResNetConfig(layer_type="basic", num_labels=num_classes, **sizes))


def main(epochs: int = 6) -> dict[str, float]:
    torch.manual_seed(0)
    data = pictures.load()
    loss = losses.SimLoss(matrices.word_similarity(data.classes, keep=0.1), reduction="sum")
    ruler = evaluation.ruler(data.classes)

    def compute_loss(outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        count = len(labels) if num_items_in_batch is None else num_items_in_batch
        return loss.to(labels.device)(outputs.logits, labels) / count

    def compute_metrics(found: EvalPrediction) -> dict[str, Any]:
        logs = torch.from_numpy(found.predictions).log_softmax(1)
        return evaluation.metrics(logs.numpy(), found.label_ids, classes=data.classes, ruler=ruler)

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=epochs,
            per_device_train_batch_size=32,
            learning_rate=2e-3,
            save_strategy="no",
            report_to="none",
        )
        trainer = Trainer(
            network(len(data.classes)),
            arguments,
            train_dataset=samples(data, "train"),
            eval_dataset=samples(data, "validation"),
            compute_loss_func=compute_loss,
            compute_metrics=compute_metrics,
        )
        trainer.train()
        measured = trainer.evaluate()
    print({key: round(measured[f"eval_{key}"], 3) for key in ("accuracy", "mean_cost", "mistake_severity")})
    return measured


if __name__ == "__main__":
    main()
