"""ResNeXt-101 32x8d as in torchvision: the network of the Korean captioner.

Its published weights learnt from 940 million Instagram pictures and their hashtags (WSL-Images);
PyTorch's own, learnt from ImageNet, have the same names and shapes.
"""

from pathlib import Path

import keras
import numpy as np

from model.encoders import bottleneck
from model.encoders.bottleneck import Place, Shape
from model.encoders.torch_files import read_tensors

SHAPE = Shape(widths=(256, 512, 1024, 2048), groups=32)
# In the order of Keras's weights.
NORMALISATION = ("weight", "bias", "running_mean", "running_var")
LEFT_OUT = ("fc.weight", "fc.bias")  # the classifier


def build(extractor: str, shape: Shape = SHAPE) -> keras.Model:
    """The network without its classifier: [B, 224, 224, 3] to [B, 7, 7, 2048]."""
    return bottleneck.build(shape)


def load(network: keras.Model, path: Path) -> None:
    """Loads a file of PyTorch's weights, `.pth` (no code in it is run) or `.safetensors`.

    Raises:
        ValueError: it is of another network.
        UserError: it cannot be read.
    """
    tensors = read_tensors(path)

    def take(name: str) -> np.ndarray:
        if name not in tensors:
            raise ValueError(f"{name} is missing")
        return tensors.pop(name).astype(np.float32)

    for place, convolution, normalisation in bottleneck.weighted_layers(network):
        name, normalising = _names(place)
        kernel = take(f"{name}.weight")
        if kernel.ndim == 4:
            kernel = kernel.transpose(2, 3, 1, 0)  # [out, in, h, w] to [h, w, in, out]
        inside = [f"{normalising}.{part}" for part in NORMALISATION]
        bottleneck.set_weights(convolution, {f"{name}.weight": kernel})
        bottleneck.set_weights(normalisation, {part: take(part) for part in inside})
    _check_rest(tensors)


def _names(place: Place) -> tuple[str, str]:
    """The names of a convolution and of its normalisation in the file."""
    if place.stage == 1:
        return "conv1", "bn1"
    block = f"layer{place.stage - 1}.{place.block - 1}"
    if place.branch == 0:
        return f"{block}.downsample.0", f"{block}.downsample.1"
    return f"{block}.conv{place.branch}", f"{block}.bn{place.branch}"


def _check_rest(tensors: dict[str, np.ndarray]) -> None:
    """A deeper network of the same widths has all of our names, and others."""
    rest = [x for x in tensors if x not in LEFT_OUT and not x.endswith(".num_batches_tracked")]
    if rest:
        raise ValueError(f"{rest[0]} is not part of the network")
