"""A learned distance in PyTorch Lightning, for a network that is used as it is.

The loss is a submodule, so it goes to the device and into the checkpoint with the network, its learned distance too.
`watch` takes the penultimate features from a layer by name; `on_train_epoch_end` learns the distance.
Needs `pip install lightning`.
"""

from __future__ import annotations

import lightning as L
import pictures
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from simviz import losses, models


class SelfGuided(L.LightningModule):
    """Any classifier and the name of the layer that gives the features."""

    def __init__(self, network: nn.Module, layer: str, num_classes: int) -> None:
        super().__init__()
        self.network = network
        self.loss = losses.SelfGuidedEMDLoss(num_classes)
        self.loss.watch(network, layer)

    def training_step(self, batch: list[Tensor]) -> Tensor:
        images, target = batch
        return self.loss(self.network(images), target)

    def on_train_epoch_end(self) -> None:
        self.loss.end_epoch()

    def validation_step(self, batch: list[Tensor]) -> None:
        images, target = batch
        logits = self.network(images)
        self.log("accuracy", (logits.argmax(1) == target).float().mean(), prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=4e-3)


def main(epochs: int = 4, folder: str | None = None) -> tuple[SelfGuided, L.Trainer]:
    L.seed_everything(0)
    data = pictures.load()
    body = models.build("convnet", (3, 32, 32))
    network = nn.Sequential(body, nn.Linear(body.features, len(data.classes)))
    module = SelfGuided(network, "0", len(data.classes))
    trainer = L.Trainer(max_epochs=epochs, default_root_dir=folder, logger=False, enable_checkpointing=False)
    parts = [TensorDataset(*pictures.tensors(data, part)) for part in ("train", "validation")]
    trainer.fit(module, DataLoader(parts[0], 32, shuffle=True), DataLoader(parts[1], 160))
    print(f"validation accuracy {trainer.callback_metrics['accuracy']:.3f}, by chance {1 / len(data.classes)}")
    print("the distance the network learned:", module.loss.distance, sep="\n")
    return module, trainer


if __name__ == "__main__":
    main()
