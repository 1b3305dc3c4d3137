"""The flags that say which model is timed, on which device."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from configuration import Preset
from scripts.benchmark.made_up import Sizes, check_method, check_sizes, choose_sizes
from utils.checks import check_range


@dataclass(frozen=True)
class ModelOptions:
    """Common to training and decoding."""

    preset: Preset = "csmn-p5"
    """The method; the dense form is written down for CSMN, not in bfloat16."""
    size: Literal["paper", "small"] = "paper"
    """The paper's sizes, or narrow layers for a first look."""
    spec: Literal["paper", "released"] | None = None
    """CSMN by the equations, or by the authors' code."""
    precision: Literal["float32", "bfloat16", "float64"] = "float32"
    """Of the mathematics. Training in bfloat16 is measured beside float32."""
    vocabulary: int | None = None
    """V; the paper has 40,000 for captions and 60,000 for hashtags."""
    batch_size: int | None = None
    """Posts per step; at the paper's size by default 200 in training, 500 in decoding."""
    num_gpus: int | None = None
    """1 for a GPU, 0 for the CPU; by default a GPU if there is one."""

    paper_batch: ClassVar[int]
    """Posts per step at the paper's size."""

    def check(self) -> None:
        """Refuses what cannot be timed.

        Raises:
            UserError: names the flag.
        """
        check_method(self.preset, self.spec)
        check_sizes(self.sizes())
        check_range("num_gpus", self.num_gpus, 0, 1)

    def sizes(self) -> Sizes:
        """What the flags ask for."""
        given = (self.vocabulary, self.batch_size, self.spec)
        return choose_sizes(self.preset, self.size, self.paper_batch, *given)
