"""Which networks' features methods learn from, and where the networks' weights are."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from configuration import PRESETS, find_preset
from utils.errors import UserError

RANDOM, BLIND = "random", "_random"  # --weights random, and how such a network's name ends
PIXELS = "pixels"  # no network: the picture itself, which needs no weights
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


def features_of(presets: Iterable[str]) -> list[Features]:
    """The features that methods read, each once."""
    methods = [find_preset(preset) for preset in presets]
    read = (Features(m.data.extractor, m.model.image_layer) for m in methods)
    return [features for features in dict.fromkeys(read) if features.layer != "none"]


def stored_name(network: str | None, weights: Sequence[str]) -> str | None:
    """What the feature files of a network are called: those of random weights say so."""
    if network in (None, PIXELS) or weights_of(network, weights) != RANDOM:
        return network
    return network + BLIND


def trained_name(preset: str, weights: Sequence[str]) -> str | None:
    """The `--extractor` that a method must be told, where it is not its own default."""
    network = find_preset(preset).data.extractor
    stored = stored_name(network, weights)
    return stored if stored != network else None


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
    known = sorted({preset.data.extractor for preset in PRESETS.values()} - {None, PIXELS})
    for name, _ in map(_named, weights):
        if name is not None and name not in known:
            raise UserError(f"--weights {name}=...: expected one of {', '.join(known)}")
    needed = [f.network or DEFAULT for f in features_of(presets) if f.network != PIXELS]
    unnamed = [path for name, path in map(_named, weights) if name is None and path != RANDOM]
    if unnamed and len(set(needed)) > 1:
        files = " ".join(f"{name}=FILE" for name in dict.fromkeys(needed))
        raise UserError(f"--weights {unnamed[0]} is for one network of several: give {files}")


def _named(entry: str) -> tuple[str | None, str]:
    """`NAME=PATH` in two; the name of a path alone is None."""
    found = re.fullmatch(r"(\w+(?:-\w+)*)=(.*)", entry)
    return (found[1], found[2]) if found else (None, entry)
