"""The methods of Attend to You: CSMN with its ablations, and the baselines of section 5.2."""

from dataclasses import dataclass
from typing import Any, Literal

from model.configs.method import (
    IMAGE_SLOTS,
    ImageLayer,
    Method,
    check_share,
    check_sizes,
    check_weight,
)
from utils.checks import check_range
from utils.errors import UserError

WIDEST_WINDOW = 5  # of the memory CNN: a memory that it reads has as many slots at least


@dataclass(frozen=True)
class CSMNConfig(Method):
    """The paper's model and its ablations; defaults are the paper's."""

    spec: Literal["paper", "released"] = "paper"
    """Equations (1)-(12), or the authors' published code where it differs."""
    image_memory: ImageLayer = "pool5"
    """Image features in memory: one slot, 49 slots, or no image."""
    user_words: int = 60
    """The user's words in memory (D in the paper)."""
    user_context: bool = True
    """The user's words are remembered; without them, CSMN-NoUC."""
    word_memory: bool = True
    """Written words are remembered; without them, CSMN-NoWO."""
    word_query: bool = True
    """The previous word is the query; without it (nor a word memory), separate tag generation."""
    memory_cnn: bool = True
    """Memories are read by convolutions; without them, CSMN-NoCNN."""
    word_slots: int = 16
    """Longest caption, with the symbol that begins it."""
    word_dim: int = 512
    """Width of word embeddings."""
    memory_dim: int = 1024
    """Width of memory slots."""
    channels: int = 300
    """Filters per window of the memory CNN."""
    captioner = "csmn.CSMN"
    attends = True

    @property
    def image_layer(self) -> str:
        """The features behind the image memory."""
        return self.image_memory

    @property
    def context_words(self) -> int:
        """U: none where the user is not remembered."""
        return self.user_words if self.user_context else 0

    @property
    def remembers_words(self) -> bool:
        """Whether there is a word memory: tags that are predicted apart have written nothing."""
        return self.word_memory and self.word_query

    def arguments(self, image_dim: int) -> dict[str, Any]:
        """See `Method.arguments`."""
        fields = super().arguments(image_dim)
        slots = IMAGE_SLOTS[fields.pop("image_memory")]
        fields |= {"image_dim": image_dim, "image_slots": slots}
        return fields | {
            "user_slots": fields.pop("user_words"),
            "word_memory": self.remembers_words,
        }

    def check(self) -> None:
        """See `Method.check`."""
        convolved = {
            "user_words": self.memory_cnn and self.user_context,
            "word_slots": self.memory_cnn and self.remembers_words,
        }
        # A caption of word_slots 1 would be its first symbol alone.
        least = {"user_words": 1, "word_slots": 2, "word_dim": 1, "memory_dim": 1, "channels": 1}
        for name, low in least.items():
            window = WIDEST_WINDOW if convolved.get(name) else 0
            check_range(name, getattr(self, name), max(low, window))
        if self.image_memory == "none" and not self.user_context and not self.remembers_words:
            raise UserError(
                "no memory is left: keep --image_memory, --user_context or --word_memory"
            )


@dataclass(frozen=True)
class Seq2SeqConfig(Method):
    """From the user's words to a caption, without the image (Vinyals et al., 2015)."""

    user_words: int = 60
    """The user's words, read in decreasing TF-IDF order."""
    layers: int = 3
    """LSTM layers of the encoder, and of the decoder."""
    hidden_dim: int = 512
    """Units of each LSTM layer."""
    word_dim: int = 512
    """Width of word embeddings."""
    word_slots: int = 16
    """Longest caption, with the symbol that begins it."""
    captioner = "seq2seq.Seq2Seq"
    attends = True

    @property
    def context_words(self) -> int:
        """U."""
        return self.user_words

    def arguments(self, image_dim: int) -> dict[str, Any]:
        """See `Method.arguments`."""
        fields = super().arguments(image_dim)
        return fields | {"user_slots": fields.pop("user_words")}

    def check(self) -> None:
        """See `Method.check`."""
        check_sizes(self, "user_words", "layers", "hidden_dim", "word_dim")


@dataclass(frozen=True)
class ShowTellConfig(Method):
    """The image as the first word of an LSTM (Vinyals et al., Show and Tell)."""

    hidden_dim: int = 512
    """Units of the LSTM."""
    word_dim: int = 512
    """Width of word embeddings."""
    dropout: float = 0.3
    """Share of the LSTM's inputs and outputs that is left out in training."""
    word_slots: int = 16
    """Longest caption, with the symbol that begins it."""
    captioner = "show_tell.ShowTell"
    image_layer = "pool5"
    embedding = "W_e"

    def check(self) -> None:
        """See `Method.check`."""
        check_sizes(self, "hidden_dim", "word_dim")
        check_share("dropout", self.dropout)


@dataclass(frozen=True)
class AttendTellConfig(Method):
    """Soft attention over the image's cells (Xu et al., Show, Attend and Tell)."""

    hidden_dim: int = 512
    """Units of the LSTM."""
    attention_dim: int = 512
    """Hidden units of the attention."""
    word_dim: int = 512
    """Width of word embeddings."""
    attention_penalty: float = 1.0
    """Weight of the doubly stochastic penalty: every cell is to be looked at once in all."""
    word_slots: int = 16
    """Longest caption, with the symbol that begins it."""
    captioner = "attend_tell.AttendTell"
    image_layer = "res5c"
    embedding = "W_e"
    attends = True

    def check(self) -> None:
        """See `Method.check`."""
        check_sizes(self, "hidden_dim", "attention_dim", "word_dim")
        check_weight("attention_penalty", self.attention_penalty)


@dataclass(frozen=True)
class NearestConfig(Method):
    """The text of a training post: of the nearest image, user, or image of that user."""

    nearest: Literal["image", "user", "user_image"] = "image"
    """What is searched: an image (1NN-Im), a user (1NN-Usr), an image of this user (1NN-UsrIm)."""
    user_words: int = 60
    """Active words by which users are compared."""
    learns = False

    @property
    def image_layer(self) -> str:
        """The distance is that of pool5 features."""
        return "none" if self.nearest == "user" else "pool5"

    @property
    def context_words(self) -> int:
        """U: none where users are not compared."""
        return 0 if self.nearest == "image" else self.user_words

    def check(self) -> None:
        """See `Method.check`."""
        check_range("user_words", self.user_words, 1)
