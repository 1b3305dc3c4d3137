"""A loaded model that is asked again and again: each kind of question is compiled once.

Pictures' features [B, I, D] and a person's words [<= U] make a batch, a batch a caption, batch and
caption what each word looked at.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from model.attention import attend
from model.captioner import GO, PAD, UNK, Batch, Captioner, batch_of
from model.configs import ModelConfig, SaliencyConfig
from model.decoding import decode, most_probable_words
from model.decoding_options import DecodingOptions
from model.evaluation import Decoded, without_end
from model.saliency import cell_log_probabilities, scale_words

# What a reader cannot use; unlike in evaluation, it is never written.
FORBIDDEN = (PAD, GO, UNK)
# Of questions that are remembered: the least recently asked goes. The page asks a model for greedy
# captions, 2 to 10 beams with a length penalty or without, samples of all words or of the most
# probable, and what they looked at.
KINDS = 32


class Session:
    """A captioner and its compiled functions; for one thread at a time.

    Args:
        strategy: where the model is, on one device.
        captioner: the model.
        settings: its settings.
    """

    def __init__(
        self, strategy: tf.distribute.Strategy, captioner: Captioner, settings: ModelConfig
    ):
        self.strategy, self.captioner, self.settings = strategy, captioner, settings
        self._compiled: OrderedDict[tuple, Callable] = OrderedDict()

    def batch(
        self,
        features: np.ndarray,
        words: np.ndarray | None = None,
        rows: Sequence[int] | None = None,
    ) -> Batch:
        """One person's pictures as a batch.

        Args:
            features: [B, I, D].
            words: [<= U] ids, best first; None for nobody's.
            rows: [B], the numbers of the pictures, on which sampled captions depend; 0, 1 ...
        """
        batch = batch_of(features, self.settings.context_words, self.settings.word_slots, words)
        return batch if rows is None else batch | {"row": tf.constant(rows, tf.int32)}

    def write(self, batch: Batch, options: DecodingOptions, tags: int | None = None) -> Decoded:
        """Captions of a batch, as `model.evaluation.decode_subset` decodes them, without `_UNK`.

        Args:
            batch: from `batch`.
            options: of the decoding; other seeds, temperatures, shares and length penalties compile
                nothing anew.
            tags: predict this many separate words instead (`DecodingOptions.separate_tags`).
        """
        ranks, nucleus = options.length_penalty != 0, options.top_p < 1
        kind = ("write", options.beam_size, ranks, options.sample, nucleus, tags)
        step = self._get(kind, batch, lambda: self._writer(options, tags))
        numbers = (options.temperature, options.top_p, options.length_penalty)
        ids, scores = step(batch, np.int32(options.seed), *map(np.float32, numbers))
        return Decoded(batch["row"].numpy(), without_end(ids.numpy()), scores.numpy())

    def attend(self, batch: Batch, ids: np.ndarray) -> dict[str, np.ndarray]:
        """What the captions of a batch looked at.

        Args:
            batch: from `batch`.
            ids: [B, L] int32, 0 after the end, see `model.attention.attend`.

        Returns:
            Name of memory (image, user, word) to float32 [B, L, slots]; empty for a model that
            attends to nothing.
        """
        width = ids.shape[1]
        step = self._get(("attend", width), batch, lambda: self._attender(width))
        return {name: part.numpy() for name, part in step(batch, ids.astype(np.int32)).items()}

    def point(
        self, features: np.ndarray, ids: np.ndarray, person: np.ndarray | None = None
    ) -> tuple[str, np.ndarray, np.ndarray]:
        """Where each word of a sentence is, cell by cell.

        Args:
            features: [C, D], cells of a picture.
            ids: [W] int32, the sentence without GO and EOS.
            person: [<= U] ids of the words of who says it, best first; None for nobody's.

        Returns:
            What is measured (log_probability or attention), its values [W, C], and these from 0 to
            1 of each word, both float32.
        """
        if isinstance(self.settings, SaliencyConfig):
            measure, values = (
                "log_probability",
                cell_log_probabilities(self.captioner, features, ids).T,
            )
        else:
            padded = np.pad(ids, (0, self.settings.word_slots - len(ids)))
            found = self.attend(self.batch(features[np.newaxis], person), padded[np.newaxis])
            measure, values = "attention", found["image"][0, : len(ids)]
        return measure, values, scale_words(values[np.newaxis])[0]

    def _get(self, kind: tuple, batch: Batch, make: Callable) -> Callable:
        """The function for this kind of question, compiled for any number of pictures."""
        if kind not in self._compiled:
            spec = {name: tf.TensorSpec([None, *x.shape[1:]], x.dtype) for name, x in batch.items()}
            function, *others = make()
            self._compiled[kind] = tf.function(function, input_signature=[spec, *others])
        self._compiled.move_to_end(kind)
        if len(self._compiled) > KINDS:
            self._compiled.popitem(last=False)
        return self._compiled[kind]

    def _writer(self, options: DecodingOptions, tags: int | None) -> tuple:
        beams, sample = options.beam_size, options.sample
        ranks, nucleus = options.length_penalty != 0, options.top_p < 1

        def replica(batch, seed, temperature, top_p, penalty):
            if tags:
                words = most_probable_words(self.captioner, batch, tags)
                return words, tf.fill([tf.shape(words)[0]], np.nan)
            found = decode(
                self.captioner,
                batch,
                beam_size=beams,
                sample=sample,
                temperature=temperature,
                top_p=top_p if nucleus else 1.0,
                seed=seed,
                length_penalty=penalty if ranks else 0.0,
                forbidden=FORBIDDEN,
            )
            return found.ids[:, 0], found.scores[:, 0]

        def step(*question):
            return self.strategy.run(replica, args=question)

        return step, *(tf.TensorSpec([], kind) for kind in (tf.int32, *[tf.float32] * 3))

    def _attender(self, width: int) -> tuple:
        def replica(batch, ids):
            found = attend(self.captioner, batch, ids)
            return {name: tf.cast(part, tf.float32) for name, part in found.items()}

        def step(*question):
            return self.strategy.run(replica, args=question)

        return step, tf.TensorSpec([None, width], tf.int32)
