"""The methods of the hashtag-to-story system: three hashtag predictors and a character model."""

from dataclasses import dataclass
from typing import Any, Literal

from model.configs.method import Method, check_share, check_sizes, check_weight
from utils.checks import check_positive, check_range
from utils.errors import UserError

PIXEL = 3  # numbers: red, green, blue


@dataclass(frozen=True)
class SoftAttentionConfig(Method):
    """Soft attention over the 8 x 8 cells of Inception v3."""

    cell: Literal["gru", "lstm"] = "gru"
    """The recurrent unit: the authors' code has a GRU, their text an LSTM."""
    legacy_stateless_gru: bool = False
    """The GRU forgets its state at every step, as in the authors' code."""
    hidden_dim: int = 512
    """Units of the recurrent layer, and of the attention."""
    word_dim: int = 256
    """Width of tag embeddings, and of the cells as the attention reads them."""
    attention_penalty: float = 1.0
    """Weight of the doubly stochastic penalty; 0 in the authors' code."""
    word_slots: int = 12
    """Most tags, with the symbol that begins them."""
    captioner = "soft_attention.SoftAttention"
    image_layer = "mixed10"
    embedding = "W_e"
    attends = True

    def check(self) -> None:
        """See `Method.check`."""
        check_sizes(self, "hidden_dim", "word_dim")
        check_weight("attention_penalty", self.attention_penalty)
        if self.legacy_stateless_gru and self.cell != "gru":
            raise UserError("--legacy_stateless_gru is a GRU: leave out --cell lstm")


@dataclass(frozen=True)
class ShowTellCNNConfig(Method):
    """The image as the first word of a two-layer LSTM."""

    layers: int = 2
    """LSTM layers."""
    hidden_dim: int = 512
    """Units of each LSTM layer."""
    word_dim: int = 256
    """Width of tag embeddings, and of the image as a word."""
    word_slots: int = 20
    """Most tags, with the symbol that begins them."""
    captioner = "show_tell_cnn.ShowTellCNN"
    image_layer = "pool5"
    embedding = "W_e"

    def check(self) -> None:
        """See `Method.check`."""
        check_sizes(self, "layers", "hidden_dim", "word_dim")


@dataclass(frozen=True)
class AlexNetConfig(Method):
    """AlexNet as a multi-label classifier, learnt from pixels; it writes no sequence."""

    head: Literal["softmax", "sigmoid"] = "softmax"
    """Tags share one distribution, as in the authors' code, or each is decided by itself."""
    dropout: float = 0.4
    """Share of the fully connected layers that is left out in training."""
    tags_per_post: int = 3
    """Tags predicted for a picture."""
    width: float = 1.0
    """Factor on the filters and units of all layers, for small data."""
    word_slots: int = 12
    """Most tags of a post that are learnt, and one more."""
    captioner = "alexnet.AlexNet"
    image_layer = "rgb227"
    word_query = False

    def arguments(self, image_dim: int) -> dict[str, Any]:
        """See `Method.arguments`."""
        fields = super().arguments(image_dim)
        for name in ("tags_per_post", "image_dim", "image_slots"):  # of decoding, and its own
            del fields[name]
        if image_dim != PIXEL:
            raise UserError(
                f"the {self.image_layer} features have {image_dim} numbers per pixel; expected "
                f"{PIXEL}: make them by scripts.extract_features --extractor pixels"
            )
        return fields

    def check(self) -> None:
        """See `Method.check`."""
        check_sizes(self)
        check_share("dropout", self.dropout)
        check_range("tags_per_post", self.tags_per_post, 1)
        check_positive("width", self.width)


@dataclass(frozen=True)
class CharRNNConfig(Method):
    """A character-level language model, which writes stories."""

    layers: int = 2
    """LSTM layers."""
    hidden_dim: int = 1024
    """Units of each LSTM layer."""
    char_dim: int = 1024
    """Width of character embeddings."""
    window: int = 500
    """Characters that are learnt at a time; no state goes from one window to the next."""
    epoch_windows: int = 3200
    """Windows that an epoch has at least: it goes through a short text several times, each time cut
    at other places."""
    dropout: float = 0.0
    """Share of each layer's output that is left out in training."""
    captioner = "char_rnn.CharRNN"
    reads = "text"

    @property
    def word_slots(self) -> int:
        """Characters of a window: all of them are predicted."""
        return self.window

    def arguments(self, image_dim: int) -> dict[str, Any]:
        """See `Method.arguments`."""
        fields = super().arguments(image_dim)
        del fields["window"], fields["epoch_windows"]  # the first is `word_slots`
        return fields

    def check(self) -> None:
        """See `Method.check`."""
        check_sizes(self, "layers", "hidden_dim", "char_dim", "window", "epoch_windows")
        check_share("dropout", self.dropout)
