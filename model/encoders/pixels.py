"""The pixels themselves, for models that learn to see from them."""

import keras

from model.networks import find_network


def build(extractor: str) -> keras.Model:
    """What changes nothing: [B, S, S, 3] to [B, S, S, 3]."""
    network = find_network(extractor)
    ((layer, _),) = network.layers.items()
    inputs = keras.Input([network.preprocessing.size] * 2 + [3])
    return keras.Model(inputs, keras.layers.Identity(name=layer)(inputs))
