"""Context Sequence Memory Network: Park et al., Attend to You, CVPR 2017, equations (1)-(12).

Three memories of D-wide slots, each slot with an address `a` and contents `c`: the image, the
user's words, the words written so far. At each step the previous word makes a query, attention is
one softmax over all filled slots (9), a CNN reads each memory (10), and the three readings give the
next word (11)-(12). Steps depend on one another through the written words alone, so `forward`
computes them all at once; a test holds it equal to `step`, repeated.

`spec="released"` follows the authors' code (github.com/cesc-park/attend2u, model/model.py) where it
differs; every difference is marked with that word below.
"""

from typing import NamedTuple

import tensorflow as tf

from model.captioner import GO, Batch, Outputs, teacher_forcing
from model.length_groups import join_groups, longest_first, original_places, split_groups
from model.memory import MemoryCNN, SingleSlot, WeightedSum, distinct_words, masked_softmax
from model.parameters import Parameters


class Context(NamedTuple):
    """What is computed once per post; contents are as the memory's reader arranges them."""

    image_addresses: tf.Tensor  # [B, I, D]
    image_contents: tuple[tf.Tensor, ...]  # [B, ...]
    user_addresses: tf.Tensor  # [B, U, D]
    user_contents: tuple[tf.Tensor, ...]  # [B, ...]
    user_filled: tf.Tensor  # [B, U] bool


class State(NamedTuple):
    """The word output memory: what survives a step; `P` is the width of a projected slot."""

    words: tf.Tensor  # [B, K, L] int32
    addresses: tf.Tensor  # [B, K, L, D]
    projected: tf.Tensor  # [B, K, L, P]
    count: tf.Tensor  # [B, K] int32, filled slots


class Distinct(NamedTuple):
    """What is computed once per distinct word of a batch."""

    user: tuple[tf.Tensor, tf.Tensor]  # [n, D] and [n, P]: addresses, projected contents
    word: tuple[tf.Tensor, tf.Tensor]  # of the words that were written
    query: tf.Tensor  # [n, D], of the same


class Posts(NamedTuple):
    """What belongs to single posts; `users` and `words` say which distinct word stands where."""

    image_addresses: tf.Tensor  # [B, I, D]
    image_projected: tf.Tensor  # [B, I, P]
    users: tf.Tensor  # [B, U] int32
    user_filled: tf.Tensor  # [B, U] bool
    words: tf.Tensor  # [B, L] int32
    real: tf.Tensor  # [B, L] bool


class CSMN:
    """The model with its ablations; sizes default to the paper's.

    Args:
        vocab_size: V.
        image_dim: width of a feature row.
        image_slots: I: 1 for pool5, 49 for res5c, 0 for no image memory.
        user_slots: U, the user words that are read.
        word_slots: L, the longest caption plus GO.
        word_dim, memory_dim, channels: E, D, C.
        user_context, word_memory: whether the memory exists (CSMN-NoUC, CSMN-NoWO).
        memory_cnn: False sums the attended rows instead (CSMN-NoCNN).
        word_query: False makes the query a constant, that of GO: separate tag generation.
        spec: `paper` or `released`.
        seed: of the initial values.
        dtype, compute_dtype: of the stored parameters and of the mathematics.

    Raises:
        ValueError: an unknown spec, no memory at all, or a memory smaller than the widest window.
    """

    windows = (3, 4, 5)

    def __init__(
        self,
        vocab_size: int,
        image_dim: int = 2048,
        image_slots: int = 1,
        user_slots: int = 60,
        word_slots: int = 16,
        word_dim: int = 512,
        memory_dim: int = 1024,
        channels: int = 300,
        user_context: bool = True,
        word_memory: bool = True,
        memory_cnn: bool = True,
        word_query: bool = True,
        spec: str = "paper",
        seed: int = 0,
        dtype: str = "float32",
        compute_dtype: str | None = None,
    ):
        self.vocab_size, self.image_dim = vocab_size, image_dim
        self.image_slots, self.user_slots, self.word_slots = image_slots, user_slots, word_slots
        self.word_dim, self.memory_dim, self.channels = word_dim, memory_dim, channels
        self.user_context, self.word_memory = user_context, word_memory
        self.memory_cnn, self.word_query, self.spec = memory_cnn, word_query, spec
        self._check()
        self.parameters = Parameters(seed, dtype, compute_dtype)
        self._make_embeddings()
        self._make_readers()
        self._make_output()

    def _check(self) -> None:
        if self.spec not in ("paper", "released"):
            raise ValueError(f"spec is '{self.spec}'; choose paper or released")
        if not (self.image_slots or self.user_context or self.word_memory):
            raise ValueError("a model needs at least one memory: image, user context or words")
        sizes = {
            "image slots": self.image_slots if self.image_slots > 1 else 0,
            "user words": self.user_slots if self.user_context else 0,
            "word slots": self.word_slots if self.word_memory else 0,
        }
        for name, size in sizes.items():
            if self.memory_cnn and 0 < size < max(self.windows):
                raise ValueError(
                    f"{size} {name} are fewer than the memory CNN's widest window, "
                    f"{max(self.windows)}: use more, or no memory CNN"
                )

    def _make_embeddings(self) -> None:
        add, bias = self.parameters.add_weight, self.parameters.add_bias
        if self.image_slots:
            for kind in "ac":
                add(f"W_i{kind}", [self.image_dim, self.memory_dim])
                bias(f"b_i{kind}", [self.memory_dim])
        if self.user_context or self.word_memory:
            add("W_ea", [self.vocab_size, self.word_dim])
            add("W_ec", [self.vocab_size, self.word_dim])
        add("W_eb", [self.vocab_size, self.word_dim])
        if self.user_context or self.word_memory or self.spec == "released":
            add("W_h", [self.word_dim, self.memory_dim])
            bias("b_h", [self.memory_dim])
        query_dim = self.memory_dim if self.spec == "released" else self.word_dim
        add("W_q", [query_dim, self.memory_dim])
        bias("b_q", [self.memory_dim])

    def _make_readers(self) -> None:
        self.user_reader = self._reader("us") if self.user_context else None
        self.word_reader = self._reader("ot") if self.word_memory else None
        texts = [r.width for r in (self.user_reader, self.word_reader) if r]
        self.image_added = self.spec == "released" and self.image_slots == 1 and bool(texts)
        self.image_reader = None
        if self.image_added:
            # released: the image's feature is as wide as the others together, and added to them.
            self.image_reader = SingleSlot(self.parameters, self.memory_dim, sum(texts))
        elif self.image_slots == 1 and self.memory_cnn:
            width = len(self.windows) * self.channels
            self.image_reader = SingleSlot(self.parameters, self.memory_dim, width)
        elif self.image_slots:
            self.image_reader = self._reader("im")
        image = [self.image_reader.width] if self.image_reader and not self.image_added else []
        self.feature_dim = sum(image + texts)

    def _reader(self, name: str) -> MemoryCNN | WeightedSum:
        if not self.memory_cnn:
            return WeightedSum(self.memory_dim)
        return MemoryCNN(self.parameters, name, self.memory_dim, self.channels, self.windows)

    def _make_output(self) -> None:
        self.parameters.add_weight("W_o", [self.feature_dim, self.feature_dim])
        self.parameters.add_bias("b_o", [self.feature_dim])
        self.parameters.add_weight("W_f", [self.feature_dim, self.vocab_size])
        self.parameters.add_bias("b_f", [self.vocab_size])

    # ------------------------------------------------------------------ the three operations

    def encode(self, batch: Batch) -> Context:
        """Image memory (1)-(3) and user memory (4)-(5), projected for their readers."""
        words, place = distinct_words(self._context(batch))
        user = (tf.gather(slots, place) for slots in self._slots(self.user_reader, words))
        return self._arrange(*self._image_memory(batch["image"]), *user, self._user_filled(batch))

    def initial_state(self, context: Context, beams: int = 1) -> State:
        """An empty word output memory for `beams` captions of each post."""
        slots = self.word_slots if self.word_memory else 0
        lead = [tf.shape(context.image_addresses)[0], beams]
        width = self.word_reader.projected_width if self.word_reader else 0
        return State(
            words=tf.zeros([*lead, slots], tf.int32),
            addresses=tf.zeros([*lead, slots, self.memory_dim], self._type),
            projected=tf.zeros([*lead, slots, width], self._type),
            count=tf.zeros(lead, tf.int32),
        )

    def step(self, tokens: tf.Tensor, state: State, context: Context):
        """Writes the previous word into the memory (6)-(7) and predicts the next (8)-(12).

        Args:
            tokens: [B, K] int32, the previous words; GO at first.
            state: as `initial_state` and earlier steps left it.
            context: from `encode`.

        Returns:
            logits [B, K, V], the new state, and extras: `attention`, a dictionary of [B, K, slots]
            for `image`, `user` and `word`, zero in empty slots.
        """
        state = self._write(tokens, state)
        query = self._query(tokens)  # [B, K, D]
        filled = tf.range(tf.shape(state.words)[2]) < state.count[:, :, tf.newaxis]
        word_scores = tf.einsum("bkd,bkld->bkl", query, state.addresses)
        attention = self._attend(query, context, word_scores, filled)
        features = self._read(context, attention)
        if self.word_memory:
            features.append(self._read_beams(state.projected, attention["word"]))
        return self._predict(self._join(features)), state, {"attention": self._named(attention)}

    def forward(self, batch: Batch, extra_targets: int = 0, noise=None) -> Outputs:
        """All steps at once under teacher forcing; logits only where there is a target.

        CSMN has no dropout: `noise` is for other captioners.
        """
        batch, order = longest_first(batch)
        inputs, targets, real = teacher_forcing(batch, self.word_slots, extra_targets)
        users, user_place = distinct_words(self._context(batch))
        words, word_place = distinct_words(inputs)
        slots = self._slots(self.user_reader, users), self._slots(self.word_reader, words)
        distinct = Distinct(*slots, self._query(words))
        image, filled = self._image_memory(batch["image"]), self._user_filled(batch)
        posts = Posts(*image, user_place, filled, word_place, real)
        groups = [self._forward_group(distinct, group) for group in split_groups(posts)]
        logits = self._predict(tf.concat([features for features, _ in groups], 0))
        attention = join_groups([attention for _, attention in groups], order)
        return Outputs(logits, targets[real], original_places(real, order), attention)

    # ------------------------------------------------------------------ their parts

    @property
    def score_dtype(self) -> tf.DType:
        """Type of logits and scores: float32 even where the mathematics is narrower."""
        return self.parameters.score_dtype

    @property
    def _type(self) -> tf.DType:
        return self.parameters.compute_dtype

    def _hidden(self, embedding: str, ids: tf.Tensor) -> tf.Tensor:
        """(5), (7): `ReLU(W_h W_e w + b_h)`, [...] to [..., D]."""
        return tf.nn.relu(self.parameters.dense(self.parameters.rows(embedding, ids), "W_h", "b_h"))

    def _query(self, tokens: tf.Tensor) -> tf.Tensor:
        """(8): `ReLU(W_q W_e^b y + b_q)`, [...] to [..., D]."""
        if not self.word_query:
            tokens = tf.fill(tf.shape(tokens), GO)
        if self.spec == "released":  # released: the query passes W_h first
            word = self._hidden("W_eb", tokens)
        else:
            word = self.parameters.rows("W_eb", tokens)
        return tf.nn.relu(self.parameters.dense(word, "W_q", "b_q"))

    def _image_memory(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if not self.image_slots:
            empty = tf.zeros([tf.shape(image)[0], 0, self.memory_dim], self._type)
            return empty, empty
        image = tf.ensure_shape(
            tf.cast(image, self._type), [None, self.image_slots, self.image_dim]
        )
        addresses = tf.nn.relu(self.parameters.dense(image, "W_ia", "b_ia"))
        contents = tf.nn.relu(self.parameters.dense(image, "W_ic", "b_ic"))
        return addresses, self.image_reader.project(contents)

    def _context(self, batch: Batch) -> tf.Tensor:
        """The ids of the user memory's slots, [B, U]; [B, 0] without one."""
        slots = self.user_slots if self.user_context else 0
        ids = batch["context"][:, :slots]
        ids = tf.pad(ids, [[0, 0], [0, slots - tf.shape(ids)[1]]])
        return tf.ensure_shape(ids, [None, slots])

    def _user_filled(self, batch: Batch) -> tf.Tensor:
        """Which slots of the user memory hold a word, [B, U] bool."""
        slots = self.user_slots if self.user_context else 0
        return tf.range(slots) < batch["context_length"][:, tf.newaxis]

    def _slots(self, reader, words: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """(4)-(7) for distinct `words` [n]: addresses [n, D], contents projected for the reader."""
        if reader is None:
            empty = tf.zeros([0, self.memory_dim], self._type)
            return empty, empty
        return self._hidden("W_ea", words), reader.project(self._hidden("W_ec", words))

    def _arrange(self, image_addresses, image, user_addresses, user, user_filled) -> Context:
        """The context from projected contents of both memories."""
        image = self.image_reader.arrange(image) if self.image_reader else ()
        user = self.user_reader.arrange(user) if self.user_reader else ()
        return Context(image_addresses, image, user_addresses, user, user_filled)

    def _forward_group(self, distinct: Distinct, posts: Posts) -> tuple[tf.Tensor, dict]:
        """Features [n, F] at the real positions of a few posts, and their attention [b, t, slots].

        Only as many steps as the longest of them has.
        """
        steps = tf.reduce_max(tf.concat([tf.math.count_nonzero(posts.real, 1), [0]], 0))
        user = (tf.gather(slots, posts.users) for slots in distinct.user)
        context = self._arrange(
            posts.image_addresses, posts.image_projected, *user, posts.user_filled
        )
        place = posts.words if self.word_memory else posts.words[:, :0]
        addresses, projected = (tf.gather(slots, place) for slots in distinct.word)
        query = tf.gather(distinct.query, posts.words[:, :steps])  # [b, t, D]
        scores = tf.matmul(query, addresses, transpose_b=True)
        slots = tf.range(tf.shape(place)[1], dtype=steps.dtype)
        written = slots <= tf.range(steps)[:, tf.newaxis]  # [t, L]: step t sees GO and t words
        filled = written[tf.newaxis] & posts.real[:, tf.newaxis, : tf.shape(place)[1]]
        attention = self._attend(query, context, scores, filled)
        features = self._read(context, attention)
        if self.word_memory:
            contents = self.word_reader.arrange(projected)
            features.append(self.word_reader.combine(contents, attention["word"]))
        packed = tf.boolean_mask(self._join(features), posts.real[:, :steps])
        return packed, self._named(attention)

    def _write(self, tokens: tf.Tensor, state: State) -> State:
        if not self.word_memory:
            return state._replace(count=state.count + 1)
        address = self._hidden("W_ea", tokens)
        content = self.word_reader.project(self._hidden("W_ec", tokens))
        here = tf.range(self.word_slots) == state.count[:, :, tf.newaxis]  # [B, K, L]
        return State(
            words=tf.where(here, tokens[:, :, tf.newaxis], state.words),
            addresses=tf.where(here[..., tf.newaxis], address[:, :, tf.newaxis], state.addresses),
            projected=tf.where(here[..., tf.newaxis], content[:, :, tf.newaxis], state.projected),
            count=state.count + 1,
        )

    def _attend(self, query, context: Context, word_scores, word_filled) -> dict[str, tf.Tensor]:
        """(9): one softmax over all memories.

        Args:
            query: [B, Q, D].
            context: from `encode`.
            word_scores, word_filled: [B, Q, L], of the word output memory (L = 0 without it).

        Returns:
            `image` [B, Q, I], `user` [B, Q, U], `word` [B, Q, L]; zero in empty slots.
        """
        image_scores = tf.matmul(query, context.image_addresses, transpose_b=True)
        user_scores = tf.matmul(query, context.user_addresses, transpose_b=True)
        user_filled = context.user_filled[:, tf.newaxis] & tf.ones_like(user_scores, tf.bool)
        image_filled = tf.ones_like(image_scores, tf.bool)
        scores = tf.concat([image_scores, user_scores, word_scores], -1)
        filled = tf.concat([image_filled, user_filled, word_filled], -1)
        if self.spec == "released":  # released: empty slots take part, with score 0
            everywhere = tf.ones_like(filled)
            weights = masked_softmax(tf.where(filled, scores, 0), everywhere)
            weights = tf.where(filled, weights, 0)
        else:
            weights = masked_softmax(scores, filled)
        sizes = [s.shape[-1] for s in (image_scores, user_scores, word_scores)]
        return dict(zip(("image", "user", "word"), tf.split(weights, sizes, -1), strict=True))

    def _read(self, context: Context, attention: dict[str, tf.Tensor]) -> list[tf.Tensor]:
        """(10) for the two memories of the context: a list of [B, Q, width]."""
        features = []
        if self.image_slots:
            features.append(self.image_reader.combine(context.image_contents, attention["image"]))
        if self.user_context:
            features.append(self.user_reader.combine(context.user_contents, attention["user"]))
        return features

    def _read_beams(self, projected: tf.Tensor, attention: tf.Tensor) -> tf.Tensor:
        """(10) where each beam has a memory of its own: [B, K, L, P] to [B, K, width]."""
        lead = tf.shape(attention)[:2]
        flat = tf.reshape(projected, [-1, self.word_slots, projected.shape[-1]])
        weights = tf.reshape(attention, [-1, 1, self.word_slots])
        combined = self.word_reader.combine(self.word_reader.arrange(flat), weights)
        return tf.reshape(combined, tf.concat([lead, [self.word_reader.width]], 0))

    def _join(self, features: list[tf.Tensor]) -> tf.Tensor:
        if self.image_added:  # released: image feature plus the others side by side
            return features[0] + tf.concat(features[1:], -1)
        return tf.concat(features, -1)

    def _predict(self, features: tf.Tensor) -> tf.Tensor:
        """(11)-(12) before the softmax: [..., F] to [..., V], in float32 at least."""
        hidden = tf.nn.relu(self.parameters.dense(features, "W_o", "b_o"))
        logits = self.parameters.dense(hidden, "W_f", "b_f")
        return tf.cast(logits, self.score_dtype)

    def _named(self, attention: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The attention with zeros where a memory is absent, so that its layout never changes."""
        sizes = {"image": self.image_slots, "user": self.user_slots, "word": self.word_slots}
        return {
            name: tf.pad(weights, [[0, 0], [0, 0], [0, sizes[name] - tf.shape(weights)[2]]])
            for name, weights in attention.items()
        }
