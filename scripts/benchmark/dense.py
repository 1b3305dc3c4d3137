"""CSMN as one would first write it in vectorised TensorFlow: what the fast form is held against.

Every slot is embedded, every memory is convolved at every step, logits are computed at every
position, and decoding makes the memories anew at each step. It shares the parameters of a
`model.csmn.CSMN` and computes the same numbers: the tests hold the fast form against it.
"""

import tensorflow as tf

from model.captioner import EOS, GO, PAD, Batch, caption_steps, teacher_forcing
from model.csmn import CSMN
from model.memory import MemoryCNN, SingleSlot


class DenseCSMN:
    """The dense form of a model: its loss, and greedy search."""

    def __init__(self, model: CSMN):
        self.model, self.parameters = model, model.parameters

    def loss(self, batch: Batch) -> tf.Tensor:
        """Mean negative log probability of the batch's words and ends."""
        inputs, targets, real = teacher_forcing(batch, self.model.word_slots)
        steps = caption_steps(batch)
        memories = self._memories(batch, inputs)
        written = self._written(steps)[tf.newaxis] & real[:, tf.newaxis]
        logits = self._respond(self._query(inputs[:, :steps]), memories, batch, written)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets[:, :steps], logits)
        mask = tf.cast(real[:, :steps], losses.dtype)
        return tf.reduce_sum(losses * mask) / tf.reduce_sum(mask)

    def decode(
        self, batch: Batch, lengths: tf.Tensor | None = None, with_lead: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Greedy search until the last caption of the batch ends.

        Args:
            batch: captions are not looked at.
            lengths: [B] int32, words after which each caption is made to end; without them every
                caption fills all L places.
            with_lead: also find how far the best logit of each place is ahead of the second.

        Returns:
            ids [B, L] int32 with EOS, 0 after it; and the lead [B, L], zeros without `with_lead`.
        """
        slots = self.model.word_slots
        size = tf.shape(batch["context_length"])[0]
        last = tf.fill([size], slots) if lengths is None else lengths
        ids = tf.zeros([size, slots], tf.int32)
        lead = tf.zeros([size, slots], self.model.score_dtype)

        def body(step, ids, lead):
            logits = self._next(batch, ids, step)
            if lengths is not None:
                logits = plant_end(logits, step == last)
            word = tf.where(step > last, PAD, tf.argmax(logits, -1, output_type=tf.int32))
            here = tf.range(slots) == step
            ids = tf.where(here, word[:, tf.newaxis], ids)
            if with_lead:
                best = tf.math.top_k(logits, 2).values
                lead = tf.where(here, (best[:, 0] - best[:, 1])[:, tf.newaxis], lead)
            return step + 1, ids, lead

        end = tf.minimum(tf.reduce_max(last) + 1, slots)
        _, ids, lead = tf.while_loop(lambda step, *_: step < end, body, (0, ids, lead))
        return ids, lead

    def _next(self, batch: Batch, ids: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Logits [B, V] after the `step` words that are written."""
        inputs = tf.pad(ids, [[0, 0], [1, 0]], constant_values=GO)[:, :-1]
        memories = self._memories(batch, inputs)
        written = tf.range(self.model.word_slots) <= step
        written = tf.broadcast_to(written, [tf.shape(ids)[0], 1, self.model.word_slots])
        query = self._query(inputs[:, step, tf.newaxis])
        return self._respond(query, memories, batch, written)[:, 0]

    def _written(self, steps: tf.Tensor) -> tf.Tensor:
        return tf.range(self.model.word_slots) <= tf.range(steps)[:, tf.newaxis]  # [T, L]

    def _query(self, tokens: tf.Tensor) -> tf.Tensor:
        """(8): [B, T] to [B, T, D]."""
        tokens = tokens if self.model.word_query else tf.fill(tf.shape(tokens), GO)
        word = self.parameters.rows("W_eb", tokens)
        if self.model.spec == "released":
            word = tf.nn.relu(self.parameters.dense(word, "W_h", "b_h"))
        return tf.nn.relu(self.parameters.dense(word, "W_q", "b_q"))

    def _memories(self, batch: Batch, inputs: tf.Tensor) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        """(1)-(7): name to addresses and contents, both [B, slots, D]."""
        model, memories = self.model, {}
        if model.image_slots:
            image = tf.cast(batch["image"], self.parameters.compute_dtype)
            kinds = [tf.nn.relu(self.parameters.dense(image, f"W_i{k}", f"b_i{k}")) for k in "ac"]
            memories["image"] = tuple(kinds)
        if model.user_context:
            context = batch["context"][:, : model.user_slots]
            missing = model.user_slots - tf.shape(context)[1]
            memories["user"] = self._words(tf.pad(context, [[0, 0], [0, missing]]))
        if model.word_memory:
            memories["word"] = self._words(inputs)
        return memories

    def _words(self, ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        hidden = [self.parameters.rows(f"W_e{kind}", ids) for kind in "ac"]
        return tuple(tf.nn.relu(self.parameters.dense(h, "W_h", "b_h")) for h in hidden)

    def _respond(self, query, memories, batch: Batch, written: tf.Tensor) -> tf.Tensor:
        """(9)-(12): queries [B, T, D] to logits [B, T, V]."""
        addresses = tf.concat([a for a, _ in memories.values()], 1)
        contents = tf.concat([c for _, c in memories.values()], 1)
        scores = tf.einsum("btd,bmd->btm", query, addresses)
        filled = self._filled(memories, batch, written)
        # [B, T, M, D]: every content row scaled by its weight, at every step.
        attended = self._weights(scores, filled)[..., tf.newaxis] * contents[:, tf.newaxis]
        sizes = [c.shape[1] for _, c in memories.values()]
        parts = zip(memories, tf.split(attended, sizes, 2), strict=True)
        features = [self._read(name, part) for name, part in parts]
        if self.model.image_added:
            joined = features[0] + tf.concat(features[1:], -1)
        else:
            joined = tf.concat(features, -1)
        hidden = tf.nn.relu(self.parameters.dense(joined, "W_o", "b_o"))
        return tf.cast(self.parameters.dense(hidden, "W_f", "b_f"), self.model.score_dtype)

    def _filled(self, memories, batch: Batch, written: tf.Tensor) -> tf.Tensor:
        size, steps = tf.shape(written)[0], tf.shape(written)[1]
        user = tf.range(self.model.user_slots) < batch["context_length"][:, tf.newaxis]
        masks = {
            "image": tf.fill([size, steps, self.model.image_slots], True),
            "user": tf.repeat(user[:, tf.newaxis], steps, axis=1),
            "word": written,
        }
        return tf.concat([masks[name] for name in memories], -1)

    def _weights(self, scores: tf.Tensor, filled: tf.Tensor) -> tf.Tensor:
        """(9); the released code's softmax covers empty slots too, with score 0."""
        nothing = 0.0 if self.model.spec == "released" else scores.dtype.min
        weights = tf.nn.softmax(tf.where(filled, scores, tf.cast(nothing, scores.dtype)))
        return tf.where(filled, weights, 0)

    def _read(self, name: str, attended: tf.Tensor) -> tf.Tensor:
        """(10): [B, T, slots, D] to [B, T, width]."""
        reader = getattr(self.model, f"{name}_reader")
        if isinstance(reader, SingleSlot):
            return tf.nn.relu(self.parameters.dense(attended[:, :, 0], "W_p", "b_p"))
        if not isinstance(reader, MemoryCNN):
            return tf.reduce_sum(attended, 2)
        rows = tf.reshape(attended, [-1, *attended.shape[2:]])
        windows = [self._window(reader.name, h, rows) for h in reader.windows]
        lead = tf.shape(attended)[:2]
        return tf.reshape(tf.concat(windows, -1), tf.concat([lead, [reader.width]], 0))

    def _window(self, name: str, width: int, rows: tf.Tensor) -> tf.Tensor:
        filters, bias = self.parameters[f"w_{name}_{width}"], self.parameters[f"b_{name}_{width}"]
        found = tf.nn.relu(tf.nn.conv1d(rows, filters, 1, "VALID") + bias)  # [B T, positions, C]
        return tf.reduce_max(found, 1)


def plant_end(logits: tf.Tensor, now: tf.Tensor) -> tf.Tensor:
    """Logits [N, V] whose best word is EOS where `now` [N] is true, and never elsewhere."""
    place = tf.stack([tf.range(tf.size(now)), tf.fill([tf.size(now)], EOS)], 1)
    ends = tf.where(now, logits.dtype.max, logits.dtype.min)
    return tf.tensor_scatter_nd_update(logits, place, ends)
