"""SimLoss and a learned distance in a plain PyTorch loop.

A loss is an `nn.Module` that takes logits and class indices. The self-guided loss learns how far apart the classes are
while it trains, and needs two calls more: `observe(features, target)` before each step, `end_epoch()` after each epoch.
"""

from __future__ import annotations

import pictures
import torch
from torch import Tensor, nn

from simviz import losses, matrices, models
from simviz.datasets import ImageDataset
from simviz.losses import ClassLoss


class Network(nn.Module):
    """Any network will do whose penultimate features can be had."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.body = models.build("convnet", (3, 32, 32))
        self.head = nn.Linear(self.body.features, num_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(images)
        return features, self.head(features)


def train(loss: ClassLoss, data: ImageDataset, epochs: int) -> float:
    """Test accuracy after a few epochs."""
    torch.manual_seed(0)
    images, labels = pictures.tensors(data, "train")
    network = Network(len(data.classes))
    optimizer = torch.optim.Adam(network.parameters(), lr=4e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(labels)).split(32):
            features, logits = network(images[rows])
            loss.observe(features, labels[rows])  # does nothing in losses that learn no distance
            value = loss(logits, labels[rows])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        loss.end_epoch()
    images, labels = pictures.tensors(data, "test")
    network.eval()
    with torch.inference_mode():
        return (network(images)[1].argmax(1) == labels).float().mean().item()


def main(epochs: int = 4) -> tuple[dict[str, float], losses.SelfGuidedEMDLoss]:
    data = pictures.load()
    similarity = matrices.word_similarity(data.classes, keep=0.1)  # the closest tenth of all pairs of names
    learned = losses.SelfGuidedEMDLoss(len(data.classes))
    accuracy = {
        "simloss": train(losses.SimLoss(similarity), data, epochs),
        "self_guided": train(learned, data, epochs),
    }
    print(f"test accuracy {accuracy}, by chance {1 / len(data.classes)}")
    print("the distance the network learned:", learned.distance, sep="\n")
    return accuracy, learned


if __name__ == "__main__":
    main()
