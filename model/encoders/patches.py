"""The pixels of each cell of a picture: features without a network, and honest about places."""

import keras

from model.networks import find_layer, find_network

CELLS = 8  # each way


def build(extractor: str) -> keras.Model:
    """What only sorts: [B, S, S, 3] to [B, 8, 8, dim], a cell's pixels row by row."""
    size = find_network(extractor).preprocessing.size
    side, dim = size // CELLS, find_layer(extractor, "cells8").dim
    inputs = keras.Input([size, size, 3])
    cells = keras.layers.Reshape([CELLS, side, CELLS, side, 3])(inputs)
    cells = keras.layers.Permute([1, 3, 2, 4, 5])(cells)  # [B, 8, 8, side, side, 3]
    return keras.Model(inputs, keras.layers.Reshape([CELLS, CELLS, dim], name="cells8")(cells))
