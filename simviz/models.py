"""Backbones: everything of a network but its last layer, which belongs to the loss.

A backbone maps images (N, channels, H, W), float, to penultimate features (N, features) and says how
many they are; `losses.ClassLoss.head` maps features to outputs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MAX_SIDE = 512


class Backbone(nn.Module):
    """Layers and the number of features that come out of them.

    Attributes
    ----------
    features : int
        Length of the penultimate feature vector.
    """

    def __init__(self, layers: nn.Module, image_shape: tuple[int, int, int], name: str) -> None:
        super().__init__()
        self.layers = layers
        self.name = name
        self.eval()
        try:
            with torch.no_grad():
                self.features = int(self.layers(torch.zeros(1, *image_shape)).shape[1])
        except (RuntimeError, ValueError, IndexError) as error:
            size = " x ".join(map(str, image_shape[1:]))
            raise ValueError(f"the model {name!r} cannot take images of {size} pixels: {error}") from None
        self.train()

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def _lenet(channels: int, pixels: int) -> nn.Module:
    """LeNet-5 with ReLU: 6@5x5, 16@5x5, 120, 84 (Kobs et al. 2020, their code)."""
    after = ((pixels - 4) // 2 - 4) // 2
    return nn.Sequential(
        nn.Conv2d(channels, 6, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(16 * after**2, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
    )  # fmt: skip


def _age(channels: int, pixels: int) -> nn.Module:
    """The age network of Kobs et al. 2020: 448,650 parameters with 60 x 60 images and 90 classes."""
    after = ((pixels - 4) // 2 - 6) // 2 - 10
    return nn.Sequential(
        nn.Conv2d(channels, 20, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(20, 40, 7), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(40, 80, 11), nn.ReLU(), nn.Flatten(),
        nn.Linear(80 * after**2, 120), nn.ReLU(),
    )  # fmt: skip


def _convnet(channels: int, pixels: int) -> nn.Module:
    """A small batch-norm convnet (ours): 32, 48, 96 and 128 maps, then mean and maximum of each map.

    Its first layer halves the image, and where it pools it does so before the normalisation: most of the time goes
    where the maps are large. Cross entropy's accuracy on pictograms has a standard deviation of .8 points (16 seeds).
    """

    def layer(before: int, after: int, *pool: nn.Module) -> list[nn.Module]:
        convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
        return [convolution, *pool, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]

    return nn.Sequential(
        nn.Conv2d(channels, 32, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(inplace=True),
        *layer(32, 48, nn.MaxPool2d(2)), *layer(48, 96, nn.MaxPool2d(2)), *layer(96, 128), _MeanAndMax(),
    )  # fmt: skip


class _MeanAndMax(nn.Module):
    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1)


def _resnet18(channels: int, pixels: int) -> nn.Module:
    """ResNet-18 for small images: a 3x3 stem without stride or pooling (He et al. 2016, the CIFAR form)."""
    from torchvision.models import resnet18

    network = resnet18(weights=None)
    network.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()  # type: ignore[assignment]
    network.fc = nn.Identity()  # type: ignore[assignment]
    return network


_OURS: dict[str, tuple[Callable[[int, int], nn.Module], int]] = {
    "lenet": (_lenet, 16),
    "age": (_age, 54),
    "convnet": (_convnet, 8),
    "resnet18": (_resnet18, 8),
}


def available() -> tuple[str, ...]:
    """Names of our backbones; any name of `torchvision.models.list_models()` works too."""
    return tuple(_OURS)


def build(name: str, image_shape: tuple[int, int, int]) -> Backbone:
    """A backbone by name, randomly initialised from torch's global generator.

    Parameters
    ----------
    name : one of `available()`, or a torchvision classification model such as ``mobilenet_v3_small``. With
        ``@PIXELS`` behind it, as in ``resnet18@224``, it is always torchvision's, and sees the images brought to
        that size: so pretrained ones are fed.
    image_shape : (channels, height, width)

    Raises
    ------
    ValueError
        For an unknown name, or images too small for the model.
    """
    channels, height, width = image_shape
    plain, at, pixels = name.partition("@")
    if at:
        return Backbone(_resized(plain, pixels), image_shape, name)
    if name not in _OURS:
        return Backbone(headless(name)[0], image_shape, name)
    maker, smallest = _OURS[name]
    if height != width or height < smallest:
        raise ValueError(
            f"the model {name!r} takes square images of at least {smallest} pixels; these are {height} x {width}"
        )
    return Backbone(maker(channels, height), image_shape, name)


class Resized(nn.Module):
    """Images of any size, squeezed or enlarged to squares of `pixels`."""

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.pixels = pixels

    def forward(self, images: Tensor) -> Tensor:
        size = (self.pixels, self.pixels)
        return F.interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)


class Centred(nn.Module):
    """Features less their mean over the training images; 0 until somebody measured it."""

    mean: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))

    def forward(self, features: Tensor) -> Tensor:
        return features - self.mean


def _resized(name: str, pixels: str) -> nn.Module:
    if not pixels.isdecimal() or not 8 <= int(pixels) <= MAX_SIDE:
        raise ValueError(f"the model {name}@{pixels} asks for images of {pixels!r} pixels; write 8 to {MAX_SIDE}")
    network, _ = headless(name)
    features = Backbone(network, (3, int(pixels), int(pixels)), name).features
    return nn.Sequential(Resized(int(pixels)), network, Centred(features))


def headless(name: str) -> tuple[nn.Module, str]:
    """A torchvision classification model without its last linear layer, and the path at which that was."""
    from torchvision import models

    if name not in models.list_models(module=models):
        raise ValueError(f"there is no model {name!r}; ours are {', '.join(_OURS)}, or a torchvision model by name")
    network = models.get_model(name, weights=None)
    layers = [(path, m) for path, m in network.named_modules() if isinstance(m, nn.Linear)]
    if not layers:
        raise ValueError(f"the torchvision model {name!r} does not end in a linear layer; choose another")
    last = layers[-1][0]
    parent, _, leaf = last.rpartition(".")
    setattr(network.get_submodule(parent), leaf, nn.Identity())
    return network, last
