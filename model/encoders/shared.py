"""One encoder for all models that see in the same way, and pictures that it sees once."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np

from model.encoders import ImageEncoder, load_encoder
from utils.files import sha256_of_json

REMEMBERED = 64  # pictures; their features are 20 MB at most
# Where the features lie says nothing about the network.
_SAYS_WHO = ("extractor", "encoder", "layer", "preprocessing", "precision")
_encoders: WeakValueDictionary[str, "SharedEncoder"] = WeakValueDictionary()


class SharedEncoder:
    """An `ImageEncoder` that remembers the features of the pictures it has seen last.

    A picture's features do not depend on the others of its batch, so that remembered ones are those
    that it would have anew.
    """

    def __init__(self, encoder: ImageEncoder, remembered: int = REMEMBERED):
        self.encoder, self._remembered = encoder, remembered
        self._seen: OrderedDict[bytes, np.ndarray] = OrderedDict()

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """See `ImageEncoder.__call__`."""
        keys = [_fingerprint(image) for image in images]
        new = {key: image for key, image in zip(keys, images, strict=True) if key not in self._seen}
        found = dict(zip(new, self.encoder(list(new.values())), strict=True))
        features = [found[key] if key in found else self._seen[key] for key in keys]
        self._remember(dict(zip(keys, features, strict=True)))
        shape = [len(images), self.encoder.slots, self.encoder.dim]
        return np.stack(features) if features else np.zeros(shape, np.float16)

    def _remember(self, features: dict[bytes, np.ndarray]) -> None:
        for key, value in features.items():
            self._seen[key] = value
            self._seen.move_to_end(key)
        while len(self._seen) > self._remembered:
            self._seen.popitem(last=False)


def shared_encoder(
    metadata: dict, folder: str | Path, weights: str | Path | None = None
) -> SharedEncoder:
    """`load_encoder`, once for all features of the same network, layer, weights and batch size.

    Raises:
        UserError: see `load_encoder`.
    """
    said = {name: metadata.get(name) for name in _SAYS_WHO}
    said["batch_size"] = metadata.get("made_with", {}).get("batch_size")
    said["file"] = weights and str(Path(weights).resolve())  # one that is not there is an error
    key = sha256_of_json(said)
    found = _encoders.get(key)
    if found is None:
        found = _encoders[key] = SharedEncoder(load_encoder(metadata, folder, weights))
    return found


def _fingerprint(image: np.ndarray) -> bytes:
    """Of pixels and size: what tells different pictures apart."""
    digest = hashlib.sha256(str(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()
