"""What a GPU does for a call, recorded once and replayed.

The kernels of a small network end sooner than Python has launched the next; a CUDA graph launches all of them at once.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

WARM_UP = 3  # calls in which libraries choose their kernels and take their memory

Shapes = tuple[torch.Size, ...]


class Recorded:
    """A function that is recorded, once for the shapes of its arguments, and replayed from then on.

    Off a GPU, in the first `WARM_UP` calls for some shapes, and where it cannot be recorded, it is called as it is.

    Parameters
    ----------
    function
        Takes tensors, at least one, and returns one. It may change others in place, if these stay where they are. It
        reads nothing back from the device and decides nothing by what lies there.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self._function = function
        self._calls: Counter[Shapes] = Counter()
        self._recordings: dict[Shapes, Callable[[Sequence[Tensor]], Tensor] | None] = {}

    def __call__(self, *given: Tensor) -> Tensor:
        if not given[0].is_cuda:
            return self._function(*given)
        shapes = tuple(tensor.shape for tensor in given)
        if shapes not in self._recordings:
            self._calls[shapes] += 1
            if self._calls[shapes] <= WARM_UP:
                return _aside(self._function, given)
            self._recordings[shapes] = _record(self._function, given)
        replay = self._recordings[shapes]
        return self._function(*given) if replay is None else replay(given)


def _aside(function: Callable[..., Tensor], given: Sequence[Tensor]) -> Tensor:
    """Call it on a stream of its own, as recordings are made."""
    device = given[0].device
    here, aside = torch.cuda.current_stream(device), torch.cuda.Stream(device)
    aside.wait_stream(here)
    with torch.cuda.stream(aside):
        found = function(*given)
    here.wait_stream(aside)
    return found.clone()


def _record(function: Callable[..., Tensor], given: Sequence[Tensor]) -> Callable[[Sequence[Tensor]], Tensor] | None:
    """Something that does the same to arguments of the same shapes; None where a kernel allows no recording."""
    inputs = [tensor.clone() for tensor in given]
    graph = torch.cuda.CUDAGraph()
    try:
        # torch's own stream for recordings belongs to the GPU of the first one, whichever it was.
        with torch.cuda.graph(graph, stream=torch.cuda.Stream(given[0].device)):
            output = function(*inputs)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # nothing has run, so nothing is lost
        warnings.warn(f"a step cannot be recorded, so its kernels are launched one by one: {error}", stacklevel=2)
        return None

    def replay(given: Sequence[Tensor]) -> Tensor:
        for place, tensor in zip(inputs, given, strict=True):
            place.copy_(tensor)
        graph.replay()
        return output.clone()

    return replay
