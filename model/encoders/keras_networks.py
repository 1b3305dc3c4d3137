"""The networks of Keras Applications: ResNet-101, ResNet-152 and Inception-v3."""

from pathlib import Path

import keras

from model.networks import find_network

_NETWORKS = {
    "resnet101": keras.applications.ResNet101,
    "resnet152": keras.applications.ResNet152,
    "inception_v3": keras.applications.InceptionV3,
}


def build(extractor: str) -> keras.Model:
    """The network without its classifier: [B, S, S, 3] to its last maps."""
    size = find_network(extractor).preprocessing.size
    name, *_ = extractor.split("-")  # behind it, how the network is shown a picture
    network = _NETWORKS[name](include_top=False, weights=None, input_shape=(size, size, 3))
    if name == "inception_v3":
        _name_layers(network)
    return network


def _name_layers(network: keras.Model) -> None:
    """Names layers by their places: Keras counts them on over all networks of the process."""
    kinds = {keras.layers.Conv2D: "conv", keras.layers.BatchNormalization: "bn"}
    for index, layer in enumerate(network.layers):
        if type(layer) in kinds:
            layer.name = f"{kinds[type(layer)]}_{index}"


def load(network: keras.Model, path: Path) -> None:
    """Loads a weight file of Keras; it raises almost anything on a wrong one."""
    network.load_weights(path)
