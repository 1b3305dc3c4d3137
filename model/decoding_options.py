"""The flags of decoding, common to every command that writes captions; imports no TensorFlow."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from model.configs import ModelConfig
from utils.checks import check_positive, check_range
from utils.errors import UserError

LARGEST_SEED = 2**31 - 1  # TensorFlow's stateless random operations take int32 here


@dataclass(frozen=True)
class DecodingOptions:
    """How captions are written; defaults are the paper's."""

    beam_size: int = 1
    """Beams; 1 is the paper's greedy search."""
    length_penalty: float = 0.0
    """Beams are ranked by log probability / length ** length_penalty."""
    sample: bool = False
    """Draw each word by its probability instead of taking the best."""
    temperature: float = 1.0
    """Of the sampling, divides the logits: lower is safer, higher is bolder."""
    top_p: float = 1.0
    """Of the sampling: draw among the most probable words that have this share together."""
    seed: int = 0
    """Of the sampling."""
    tags_per_post: int | None = None
    """Tags predicted without a word query; by default the method's own number, or the mean
    number of the training posts."""

    def search(self) -> dict[str, Any]:
        """The arguments of `model.decoding.decode`."""
        return {k: v for k, v in dataclasses.asdict(self).items() if k != "tags_per_post"}

    def check(self) -> None:
        """Refuses impossible values, and flags that would change nothing.

        Raises:
            UserError: names the flag.
        """
        check_range("beam_size", self.beam_size, 1)
        check_range("tags_per_post", self.tags_per_post, 1)
        check_range("seed", self.seed, 0, LARGEST_SEED)
        check_positive("temperature", self.temperature)
        check_positive("top_p", self.top_p)
        check_range("top_p", self.top_p, 0, 1)
        if not math.isfinite(self.length_penalty):
            raise UserError(f"--length_penalty is {self.length_penalty}; expected a number")
        if self.sample and self.beam_size > 1:
            raise UserError("--sample draws one caption per post: leave out --beam_size")
        if self.length_penalty and self.beam_size == 1:
            raise UserError("--length_penalty ranks beams: give --beam_size with it")
        if not self.sample and (self.seed or self.temperature != 1 or self.top_p != 1):
            raise UserError(
                "--seed, --temperature and --top_p are those of sampling: give --sample too"
            )

    def refuse(self, reason: str) -> None:
        """Refuses flags of a sequence search where there is none.

        Raises:
            UserError: names the flags that were given.
        """
        defaults = {f.name: f.default for f in dataclasses.fields(self)}
        given = [f"--{name}" for name, v in self.search().items() if v != defaults[name]]
        if given:
            raise UserError(f"{reason}, and searches no sequence; leave out {', '.join(given)}")

    def separate_tags(self, model: ModelConfig, known: int, mean: float) -> int | None:
        """How many hashtags a model without a word query predicts; None for all other models.

        Args:
            model: the run's.
            known: words in the vocabulary besides the special ones.
            mean: words per training post.

        Raises:
            UserError: a flag that this model has no use for, or more tags than there are.
        """
        if not model.learns:
            self.refuse("this method answers with training posts")
        if model.word_query:
            if self.tags_per_post is not None:
                raise UserError("--tags_per_post is for models without a word query: leave it out")
            return None
        self.refuse("this model has no word query: it predicts its most probable tags")
        check_range("tags_per_post", self.tags_per_post, 1, known)
        return self.tags_per_post or min(known, model.tags_per_post or max(1, round(mean)))
