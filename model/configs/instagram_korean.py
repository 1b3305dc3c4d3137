"""The decoders of the Korean Instagram system: Show-Attend-Tell, Look-Back and Predict-Forward."""

from dataclasses import dataclass

from model.configs.method import Method, check_share, check_sizes, check_weight
from utils.errors import UserError


@dataclass(frozen=True)
class ShowAttendConfig(Method):
    """Soft attention over 14 x 14 cells, with what Qin et al. (CVPR 2019) add to it."""

    look_back: bool = False
    """The attention also sees what it saw at the step before."""
    predict_forward: bool = False
    """Each step also predicts the word after the next; both predictions choose a word."""
    second_word_weight: float = 1.0
    """Weight of the second word's loss (--predict_forward)."""
    joint_weight: float = 1.0
    """Weight of the prediction made a step earlier when a word is chosen (--predict_forward)."""
    hidden_dim: int = 512
    """Units of the LSTM."""
    attention_dim: int = 512
    """Hidden units of the attention."""
    word_dim: int = 300
    """Width of word embeddings."""
    dropout: float = 0.5
    """Share of the last hidden layer that is left out in training."""
    word_slots: int = 31
    """Longest caption, with the symbol that begins it."""
    captioner = "show_attend.ShowAttend"
    image_layer = "res4"
    embedding = "W_e"
    attends = True

    def check(self) -> None:
        """See `Method.check`."""
        check_sizes(self, "hidden_dim", "attention_dim", "word_dim")
        check_share("dropout", self.dropout)
        for name in ("second_word_weight", "joint_weight"):
            value = getattr(self, name)
            check_weight(name, value)
            if value != 1 and not self.predict_forward:
                raise UserError(f"--{name} weighs a second word: give --predict_forward with it")
