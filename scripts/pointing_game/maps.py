"""A map of a picture's cells for each word of a sentence that the model is made to say.

A model without attention is asked word by word what each cell alone makes of it (caption-guided
saliency); a model with attention shows where it looked while it said the word.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from model.attention import attend
from model.captioner import Captioner, batch_of
from model.saliency import normalise, scale_words, sentence_scores
from scripts.pointing_game.game import MakeMaps, Scale
from utils.errors import UserError


def saliency_maps(captioner: Captioner, scale: Scale = "word", exact: bool = False) -> MakeMaps:
    """Maps of a model that knows no attention, see `model/saliency.py`.

    Args:
        captioner: an encoder-decoder.
        scale: `word`, each word's map from 0 to 1, as in the paper; `released`, as in the authors'
            code; `none`, what is above the smallest value.
        exact: the divergence from what the model says with all cells, in place of the word's log
            probability.
    """
    finish = {"word": scale_words, "released": normalise, "none": _above_least}[scale]

    def make(
        features: np.ndarray, pictures: Sequence[int], sentences: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        scores = sentence_scores(captioner, features, pictures, sentences, exact)
        return [finish(score.T[np.newaxis])[0] for score in scores]

    return make


def _above_least(volume: np.ndarray) -> np.ndarray:
    """[1, W, C] with 0 for the smallest value of each word."""
    return volume - volume.min(axis=(0, 2), keepdims=True)


def attention_maps(captioner: Captioner, context_words: int = 0) -> MakeMaps:
    """Maps of a model with attention: where it looks when it is made to say the sentence.

    Args:
        captioner: any model that attends to a picture's cells.
        context_words: U; whose the picture is stays unknown.

    Raises:
        UserError: from what is returned: the model does not attend to cells.
    """
    attention = tf.function(lambda batch, ids: attend(captioner, batch, ids), reduce_retracing=True)

    def make(
        features: np.ndarray, pictures: Sequence[int], sentences: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        ids = np.zeros([len(sentences), captioner.word_slots], np.int32)
        for row, words in zip(ids, sentences, strict=True):
            row[: len(words)] = words
        batch = batch_of(features[list(pictures)], context_words, captioner.word_slots)
        weights = attention(batch, tf.constant(ids)).get("image")
        if weights is None or weights.shape[-1] != features.shape[1]:
            raise UserError("this model does not attend to the cells of a picture: it has no maps")
        weights = weights.numpy().astype(np.float64)
        return [w[: len(words)] for w, words in zip(weights, sentences, strict=True)]

    return make
