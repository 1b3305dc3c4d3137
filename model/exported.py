"""A trained captioner as a SavedModel: bytes of pictures and words in, text out.

Signatures, all for any number B of pictures; `words` of a model that knows users are best first,
"" after the end; unknown ones and repetitions are left out, as the loader does:

    serving_default        image_bytes [B], words [B, W]     text [B], ids [B, L] and
                                                             log_probability [B], greedily
    beam                   the same                          the same by beam search
    greedy_from_features   features [B, I, D], words [B, W]  as serving_default
    beam_from_features     the same                          as beam
    see                    image_bytes [B]                   features [B, I, D]

A model that sees nothing has words alone, one that knows no user no words; one that predicts tags
apart has neither beams nor probabilities.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from model.captioner import EOS, GO, PAD, UNK, Captioner
from model.configs import ModelConfig
from model.decoding import decode, most_probable_words
from model.encoders import ImageEncoder
from model.picture_ops import decode_picture, preprocess_ops

GREEDY, BEAM = "serving_default", "beam"
FEATURES = "_from_features"


@dataclass(frozen=True)
class Search:
    """How captions are written.

    Attributes:
        beams: of the beam search.
        separate_tags: how many tags a model without a word query predicts; None for the others.
        forbidden: word ids that are never written.
    """

    beams: int = 3
    separate_tags: int | None = None
    forbidden: tuple[int, ...] = ()


class Exported(tf.Module):
    """A captioner with its words and its image encoder; `save` writes it.

    Args:
        captioner: made outside of any strategy, so that it may run on any device.
        settings: its settings.
        vocabulary: a file with one word per line, copied into the SavedModel.
        encoder: of its pictures; None for a model that sees nothing.
        hashtags: whether words are hashtags, of which a repetition is left out of the text.
        search: how captions are written.
    """

    def __init__(
        self,
        captioner: Captioner,
        settings: ModelConfig,
        vocabulary: Path,
        encoder: ImageEncoder | None,
        hashtags: bool,
        search: Search,
    ):
        super().__init__()
        self._captioner, self._settings, self._encoder = captioner, settings, encoder
        self._hashtags, self._search = hashtags, search
        text, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
        make = tf.lookup.TextFileInitializer
        to_id = make(str(vocabulary), tf.string, text, tf.int64, number)
        to_word = make(str(vocabulary), tf.int64, number, tf.string, text)
        # As attributes, all of them are saved with the functions that need them.
        self.ids = tf.lookup.StaticHashTable(to_id, UNK)
        self.words = tf.lookup.StaticHashTable(to_word, "")
        self.parameters = list(captioner.parameters.stored.values())
        self.network = [variable.value for variable in encoder.network.variables] if encoder else []

    def save(self, folder: Path) -> None:
        """Writes the SavedModel into an empty or new folder."""
        tf.saved_model.save(self, str(folder), signatures=self.signatures())

    def signatures(self) -> dict[str, Callable]:
        """Name to function, see above."""
        names = {GREEDY: 1}
        if self._search.separate_tags is None:
            names[BEAM] = self._search.beams
        made = {}
        for name, beams in names.items():
            made[name] = self._signature(beams, pictures=True)
            if self._encoder:
                name = "greedy" if name == GREEDY else name
                made[name + FEATURES] = self._signature(beams, pictures=False)
        if self._encoder:
            spec = {"image_bytes": tf.TensorSpec([None], tf.string)}
            made["see"] = _function(lambda image_bytes: {"features": self.see(image_bytes)}, spec)
        return made

    def _signature(self, beams: int, pictures: bool) -> Callable:
        spec = {}
        if self._encoder and pictures:
            spec["image_bytes"] = tf.TensorSpec([None], tf.string)
        elif self._encoder:
            shape = [None, self._encoder.slots, self._encoder.dim]
            spec["features"] = tf.TensorSpec(shape, tf.float32)
        if self._settings.context_words:
            spec["words"] = tf.TensorSpec([None, None], tf.string)

        def answer(**inputs):
            if "image_bytes" in inputs:
                inputs["features"] = self.see(inputs.pop("image_bytes"))
            return self._write(self.batch(**inputs), beams)

        return _function(answer, spec)

    def see(self, image_bytes: tf.Tensor) -> tf.Tensor:
        """Features [B, I, D] float32 of pictures' bytes [B], rounded as extraction stores them."""
        preprocessing = self._encoder.preprocessing
        shape = [preprocessing.size, preprocessing.size, 3]
        inputs = tf.map_fn(
            lambda data: preprocess_ops(decode_picture(data), preprocessing),
            image_bytes,
            fn_output_signature=tf.TensorSpec(shape, tf.float32),
        )
        features = self._encoder.read(inputs)
        return tf.cast(tf.cast(features, tf.float16), tf.float32)

    def batch(
        self, features: tf.Tensor | None = None, words: tf.Tensor | None = None
    ) -> Mapping[str, tf.Tensor]:
        """A batch of `model/captioner.py`'s form, without captions.

        Args:
            features: float32 [B, I, D]; None for a model that sees nothing.
            words: string [B, W]; None for a model that knows no user.
        """
        count = tf.shape(words if features is None else features)[0]
        if words is None:
            words = tf.fill([count, 1], "")
        context, length = self.context(words)
        return {
            "image": tf.zeros([count, 0, 1]) if features is None else features,
            "context": context,
            "context_length": length,
            "caption": tf.zeros([count, self._settings.word_slots - 1], tf.int32),
            "caption_length": tf.zeros([count], tf.int32),
            "row": tf.range(count),
        }

    def context(self, words: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Ids of the known words, each once, the first U: [B, W] to [B, U] and their number [B]."""
        most = self._settings.context_words
        ids = self.ids.lookup(words)
        bare = self.ids.lookup(tf.strings.regex_replace(words, "^#", ""))
        ids = tf.cast(tf.where(ids > UNK, ids, bare), tf.int32)  # the sign of a hashtag may stand
        kept = tf.where(_first(ids) & (ids > UNK), ids, PAD)
        kept = tf.pad(kept, [[0, 0], [0, most]])  # at least U
        order = tf.argsort(tf.cast(kept == PAD, tf.int32), axis=1, stable=True)[:, :most]
        context = tf.ensure_shape(tf.gather(kept, order, batch_dims=1), [None, most])
        return context, tf.math.count_nonzero(context, 1, dtype=tf.int32)

    def _write(self, batch: Mapping[str, tf.Tensor], beams: int) -> dict[str, tf.Tensor]:
        if self._search.separate_tags:
            ids = most_probable_words(self._captioner, batch, self._search.separate_tags)
            return {"text": self.spell(ids), "ids": ids}
        found = decode(self._captioner, batch, beams, forbidden=self._search.forbidden)
        ids = found.ids[:, 0]
        ids = tf.where(tf.cumsum(tf.cast(ids == EOS, tf.int32), 1) > 0, PAD, ids)
        score = tf.cast(found.scores[:, 0], tf.float32)
        return {"text": self.spell(ids), "ids": ids, "log_probability": score}

    def spell(self, ids: tf.Tensor) -> tf.Tensor:
        """The `prediction` of `predictions.jsonl`: ids [B, L] to words between blanks, [B]."""
        kept = (ids != PAD) & (ids != GO)
        if self._hashtags:
            kept &= _first(ids)
        words = tf.ragged.boolean_mask(self.words.lookup(tf.cast(ids, tf.int64)), kept)
        return tf.strings.reduce_join(words, axis=-1, separator=" ")


def _function(answer: Callable, spec: Mapping[str, tf.TensorSpec]) -> Callable:
    named = {name: tf.TensorSpec(kind.shape, kind.dtype, name=name) for name, kind in spec.items()}
    return tf.function(answer).get_concrete_function(**named)


def _first(ids: tf.Tensor) -> tf.Tensor:
    """Which ids [B, N] did not stand further to the left."""
    same = ids[:, :, tf.newaxis] == ids[:, tf.newaxis, :]  # [B, N, N]
    place = tf.range(tf.shape(ids)[1])
    return ~tf.reduce_any(same & (place < place[:, tf.newaxis]), axis=2)
