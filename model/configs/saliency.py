"""The encoder-decoder of caption-guided saliency."""

from dataclasses import dataclass
from typing import Any, Literal

from model.configs.method import Method, check_share, check_sizes
from utils.errors import UserError


@dataclass(frozen=True)
class SaliencyConfig(Method):
    """An LSTM reads a picture's cells or a clip's frames, and then writes (Ramanishka et al.)."""

    media: Literal["image", "video"] = "image"
    """What is described: a picture, by its cells, or a clip, by 26 of its frames."""
    cells: Literal["mixed10", "cells8"] = "mixed10"
    """A picture's 8 x 8 cells: of Inception v3, or its own pixels (extractor patches)."""
    hidden_dim: int = 1300
    """Units of the LSTM."""
    word_dim: int = 300
    """Width of word embeddings."""
    dropout: float = 0.5
    """Share of the LSTM's inputs and outputs that is left out in training."""
    word_slots: int = 25
    """Longest caption, with the symbol that ends it."""
    captioner = "encoder_decoder.EncoderDecoder"
    embedding = "W_e"
    word_bias = "b_o"

    @property
    def image_layer(self) -> str:
        """The descriptors."""
        return "frames26" if self.media == "video" else self.cells

    def arguments(self, image_dim: int) -> dict[str, Any]:
        """See `Method.arguments`."""
        fields = super().arguments(image_dim)
        del fields["cells"]  # chooses the features
        return fields | {"snake": fields.pop("media") == "image"}

    def check(self) -> None:
        """See `Method.check`."""
        if self.media == "video" and self.cells != "mixed10":
            raise UserError(
                f"--cells {self.cells} is for pictures; this model describes clips, by 26 frames: "
                "leave it out"
            )
        check_sizes(self, "hidden_dim", "word_dim")
        check_share("dropout", self.dropout)
