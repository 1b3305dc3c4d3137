"""Which networks' features methods learn from, and where the networks' weights are."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from configuration import find_preset
from model.networks import NETWORKS, RANDOM, RANDOM_SUFFIX, find_network
from utils.errors import UserError

DEFAULT = "resnet101"  # of scripts.extract_features


class Features(NamedTuple):
    """A layer of a network, as `scripts.extract_features` takes it.

    Attributes:
        network: its name; None where a method takes the only one that there is.
        layer: `pool5` ...
    """

    network: str | None
    layer: str

    @property
    def name(self) -> str:
        """For messages."""
        return "-".join(filter(None, self))

    @property
    def has_weights(self) -> bool:
        """Pixels are no network."""
        return bool(find_network(self.network or DEFAULT).title)


def features_of(presets: Iterable[str]) -> list[Features]:
    """The features that methods read, each once."""
    methods = [find_preset(preset) for preset in presets]
    read = (Features(m.data.extractor, m.model.image_layer) for m in methods)
    return [features for features in dict.fromkeys(read) if features.layer != "none"]


def stored_name(features: Features, weights: Sequence[str]) -> str | None:
    """What a network's feature files are called: those of random weights say so."""
    network = features.network
    blind = network and features.has_weights and weights_of(network, weights) == RANDOM
    return f"{network}{RANDOM_SUFFIX}" if blind else network


def trained_name(preset: str, weights: Sequence[str]) -> str | None:
    """The `--extractor` that a method must be told, where it is not its own default."""
    for features in features_of([preset]):
        stored = stored_name(features, weights)
        return stored if stored != features.network else None
    return None


def weights_of(network: str | None, weights: Sequence[str]) -> str | None:
    """A network's weight file, or `random`; None where none is given.

    >>> weights_of("resnet152", ["resnet101=a.h5", "resnet152=b.h5"])
    'b.h5'
    """
    given = [_named(entry) for entry in weights]
    own = [path for name, path in given if name == (network or DEFAULT)]
    shared = [path for name, path in given if name is None]
    return (own or shared or [None])[-1]


def check_weights(weights: Sequence[str], presets: Iterable[str]) -> None:
    """Refuses weights of no network, and one file for several networks.

    Raises:
        UserError: names the entry.
    """
    known = [name for name, network in NETWORKS.items() if network.title]
    for name, _ in map(_named, weights):
        if name is not None and name not in known:
            raise UserError(f"--weights {name}=...: expected one of {', '.join(known)}")
    read = [features for features in features_of(presets) if features.has_weights]
    needed = list(dict.fromkeys(features.network or DEFAULT for features in read))
    unnamed = [path for name, path in map(_named, weights) if name is None and path != RANDOM]
    if unnamed and len(needed) > 1:
        files = " ".join(f"{name}=FILE" for name in needed)
        raise UserError(f"--weights {unnamed[0]} is for one network of several: give {files}")


def check_files(wanted: Iterable[Features], weights: Sequence[str]) -> None:
    """Refuses weight files that are not there.

    Raises:
        UserError: names the file, and the script that brings it.
    """
    for features in wanted:
        path = weights_of(features.network, weights)
        if path not in (None, RANDOM) and not Path(path).is_file():
            download = find_network(features.network or DEFAULT).download
            raise UserError(
                f"--weights {path} is no file; {download} brings that of "
                f"{features.network or DEFAULT}, or give random"
            )


def _named(entry: str) -> tuple[str | None, str]:
    """`NAME=PATH` in two; the name of a path alone is None."""
    found = re.fullmatch(r"(\w+(?:-\w+)*)=(.*)", entry)
    return (found[1], found[2]) if found else (None, entry)
