"""The networks whose features pictures can have: their layers, how they see, who brings them.

A table without TensorFlow, for command lines; `model.encoders` builds the networks.
`docs/add_encoder.md` adds one.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from model.preprocessing import (
    INCEPTION,
    INCEPTION_CROP,
    INCEPTION_VIDEO,
    INCEPTION_WHOLE,
    PATCHES,
    PIXELS,
    RESNET,
    SLIM,
    TORCH,
    Preprocessing,
)
from utils.errors import UserError

ASPECT_SUFFIX = "-aspect"  # the whole picture, undistorted
FRAMES = 26  # of a clip, as caption-guided saliency trains on
RANDOM = "random"  # instead of a weight file
RANDOM_SUFFIX = "_random"
FLIPPED_SUFFIX = "-flipped"  # pictures mirrored at random, as the Korean system tests with


class Layer(NamedTuple):
    """What one layer says about a picture.

    Attributes:
        slots: vectors, of cells row by row; a single one is the mean of all cells.
        dim: numbers in each.
        end: the Keras layer whose maps they are.
        frames: 0 for a picture; else as many as a clip gives, sampled evenly, and every slot is
            the mean of one frame's cells.
    """

    slots: int
    dim: int
    end: str
    frames: int = 0


@dataclass(frozen=True)
class Network:
    """A network, or the pixels themselves.

    Attributes:
        family: the module of `model.encoders` that builds it.
        preprocessing: from a picture to its input.
        layers: by name, the usual one first; all but `res4` are made of the network's last maps.
        title: whose weights a file has to hold; empty where there are none to learn.
        download: the script that brings the file.
    """

    family: str
    preprocessing: Preprocessing
    layers: Mapping[str, Layer]
    title: str = ""
    download: str = ""


def _resnet(res4: str) -> dict[str, Layer]:
    last = "conv5_block3_out"
    return {
        "pool5": Layer(1, 2048, last),
        "res5c": Layer(49, 2048, last),
        "res4": Layer(196, 1024, res4),
    }


def _inception(preprocessing: Preprocessing, *layers: str) -> Network:
    """Inception-v3, with some of its layers."""
    known = {
        "frames26": Layer(FRAMES, 2048, "mixed10", FRAMES),
        "mixed10": Layer(64, 2048, "mixed10"),
        "pool3": Layer(1, 2048, "mixed10"),
    }
    return Network(
        "keras_networks",
        preprocessing,
        {name: known[name] for name in layers},
        "Keras's Inception-v3 without its top",
        "scripts/download_pretrained_inception_v3.sh",
    )


NETWORKS: dict[str, Network] = {
    "resnet101": Network(
        "keras_networks",
        RESNET,
        _resnet("conv4_block23_out"),
        "Keras's ResNet-101 without its top",
        "scripts/download_pretrained_resnet_101.sh",
    ),
    "resnet152": Network(
        "keras_networks",
        RESNET,
        _resnet("conv4_block36_out"),
        "Keras's ResNet-152 without its top",
        "scripts/download_pretrained_resnet_152.sh",
    ),
    # Its strides are at the end of a block: the 23rd unit of conv4_x halves the maps to 7 x 7, so
    # the last ones of 14 x 14 are those before it.
    "resnet101-slim": Network(
        "slim_resnet",
        SLIM,
        _resnet("conv4_block22_out"),
        "TF-slim's resnet_v1_101",
        "scripts/download_pretrained_resnet_101_slim.sh",
    ),
    "resnext101_32x8d": Network(
        "resnext",
        TORCH,
        _resnet("conv4_block23_out"),
        "PyTorch's ResNeXt-101 32x8d",
        "scripts/download_pretrained_resnext_101.sh",
    ),
    "inception_v3": _inception(INCEPTION, "mixed10", "pool3"),
    "inception_v3-crop": _inception(INCEPTION_CROP, "mixed10", "pool3"),
    "inception_v3-crop-aspect": _inception(INCEPTION_WHOLE, "mixed10", "pool3"),
    # A single frame's cells are of the same space as the mean that stands for it in training.
    "inception_v3-video": _inception(INCEPTION_VIDEO, "frames26", "mixed10", "pool3"),
    "inception_v3-video-aspect": _inception(INCEPTION_WHOLE, "frames26", "mixed10", "pool3"),
    "pixels": Network("pixels", PIXELS, {"rgb227": Layer(227 * 227, 3, "rgb227")}),
    # Cells that see nothing but themselves, where it must be known which one holds what.
    "patches": Network(
        "patches",
        PATCHES,
        {"cells8": Layer(64, 192, "cells8"), "frames26": Layer(FRAMES, 192, "cells8", FRAMES)},
    ),
}


Extractor = Literal[*NETWORKS]


def find_network(extractor: str) -> Network:
    """The network behind features: of `resnet101-flipped_random` it is that of `resnet101`.

    Raises:
        UserError: the features are not of this project's networks.
    """
    network = NETWORKS.get(bare_name(extractor))
    if network is None:
        raise UserError(
            f"{extractor} features were not made by one of this project's networks, so no new "
            f"picture can be encoded like them; name features of {', '.join(NETWORKS)}"
        )
    return network


def bare_name(extractor: str) -> str:
    """The network's name alone.

    >>> bare_name("inception_v3-crop-flipped_random"), bare_name("resnet101")
    ('inception_v3-crop', 'resnet101')
    """
    return extractor.removesuffix(RANDOM_SUFFIX).removesuffix(FLIPPED_SUFFIX)


def find_layer(extractor: str, layer: str) -> Layer:
    """One layer of the network behind an extractor.

    Raises:
        UserError: there is no such network, or it has no such layer.
    """
    layers = find_network(extractor).layers
    if layer not in layers:
        raise UserError(f"{extractor} has no layer {layer}; it has {', '.join(layers)}")
    return layers[layer]


def keep_aspect(extractor: str) -> str:
    """The extractor that sees whole pictures, undistorted.

    Raises:
        UserError: there is none beside this one.
    """
    kept = extractor.removesuffix(ASPECT_SUFFIX) + ASPECT_SUFFIX
    if kept not in NETWORKS:
        known = [name.removesuffix(ASPECT_SUFFIX) for name in NETWORKS if ASPECT_SUFFIX in name]
        raise UserError(f"--keep_aspect is for {' and '.join(known)}, not for {extractor}")
    return kept


def is_random(extractor: str) -> bool:
    """Whether the network has never learnt to see."""
    return extractor.endswith(RANDOM_SUFFIX)


def is_flipped(extractor: str) -> bool:
    """Whether half of the pictures were mirrored before the network saw them."""
    return extractor.removesuffix(RANDOM_SUFFIX).endswith(FLIPPED_SUFFIX)


def is_mirrored(extractor: str, image: str) -> bool:
    """Whether a picture was mirrored, left to right, before the network saw it.

    A hash of its name decides: a coin for each picture, and the same one in every run.
    """
    return is_flipped(extractor) and hashlib.sha256(image.encode()).digest()[0] % 2 == 1
