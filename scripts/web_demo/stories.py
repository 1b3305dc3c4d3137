"""A model of stories that is asked again and again: loaded and compiled once."""

import dataclasses
from pathlib import Path

import numpy as np

from data_loader.seeds import seed_ids
from data_loader.vocabulary import EOS, GO, PAD, UNK
from model.decoding_options import DecodingOptions
from scripts.story import open_run
from utils.devices import make_strategy, quiet_tensorflow
from utils.errors import UserError
from utils.run_folder import RunFolder

LONGEST_TAG = 40  # characters
LENGTH = 280  # characters behind the hashtag
TASTE = DecodingOptions(sample=True, temperature=0.8, top_p=0.9)


class Storyteller:
    """Tells a story about a hashtag.

    Args:
        folder: a run of char-rnn.

    Raises:
        UserError: it is none, or has no checkpoint.
    """

    def __init__(self, folder: Path):
        quiet_tensorflow()
        import tensorflow as tf

        from model.evaluation import make_decoder
        from model.saving import load_captioner

        run = RunFolder.open(folder)
        config, self._characters = open_run(run)
        strategy = make_strategy(None)
        with strategy.scope():
            # The weights know no window: it is as long as the longest story here.
            settings = dataclasses.replace(config.model, window=LONGEST_TAG + LENGTH)
            captioner, found = load_captioner(settings, run.path, "best", config.train.precision)
        self.description = f"{config.preset}, step {found.step:,}"
        spec = {
            name: tf.TensorSpec([None, *array.shape[1:]], array.dtype)
            for name, array in _batch(np.zeros(0, np.int32)).items()
        }
        forbidden = (PAD, GO, EOS, UNK)
        self._decode = make_decoder(
            strategy, captioner, spec, **TASTE.search(), forbidden=forbidden
        )

    def tell(self, hashtag: str) -> str:
        """A story that begins with the hashtag.

        Raises:
            UserError: it is too long, or has characters that no story had.
        """
        beginning = seed_ids(hashtag, self._characters)
        if len(beginning) > LONGEST_TAG:
            raise UserError(f"no story: #{hashtag} has more than {LONGEST_TAG} characters")
        ids = self._decode(_batch(beginning)).ids[0, : len(beginning) + LENGTH]
        return self._characters.decode(ids.tolist())

    def warm_up(self) -> None:
        """Compiles what telling needs."""
        self._decode(_batch(np.zeros(1, np.int32) + UNK + 1))


def _batch(beginning: np.ndarray) -> dict[str, np.ndarray]:
    """One story's beginning [P] in the form of `data_loader.seeds.Seeds`."""
    prefix = np.pad(beginning, (0, LONGEST_TAG - len(beginning)))[np.newaxis]
    return {
        "prefix": prefix.astype(np.int32),
        "context": np.zeros([1, 0], np.int32),
        "context_length": np.zeros(1, np.int32),
        "row": np.zeros(1, np.int32),
    }
