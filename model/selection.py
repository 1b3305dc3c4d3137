"""Which checkpoint of a run is the best, and when no better one is to be expected."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Judge(NamedTuple):
    """Scores captions that were written for the validation posts; a larger score is better.

    Attributes:
        count: (rows [N], ids [N, L]) of decoded posts to a part and a whole. Both add up over
            posts, wherever these were decoded; part / whole is the score.
        separate_tags: as for `make_decoder`.
    """

    count: Callable[[np.ndarray, np.ndarray], tuple[float, float]]
    separate_tags: int | None = None


class Best(NamedTuple):
    """The best validation so far.

    Attributes:
        loss: the lowest.
        score: the highest, where captions are scored.
        waited: epochs since the best checkpoint.
    """

    loss: float = math.inf
    score: float = -math.inf
    waited: int = 0

    def after(self, scores: Mapping[str, float]) -> tuple["Best", bool]:
        """The best after one more epoch, and whether that epoch is the best.

        Args:
            scores: `loss`, and `score` where captions are scored, which then decides.
        """
        loss, score = scores["loss"], scores.get("score", -math.inf)
        better = score > self.score if "score" in scores else loss < self.loss
        waited = 0 if better else self.waited + 1
        return Best(min(loss, self.loss), max(score, self.score), waited), better

    def to_state(self) -> dict[str, Any]:
        """JSON values for a checkpoint; None for what was never seen."""
        numbers = {"best_loss": self.loss, "best_score": self.score}
        known = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        return {**known, "waited": self.waited}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Best":
        """Reads back `to_state`; runs of before scores have a loss alone."""
        loss, score = state["best_loss"], state.get("best_score")
        return cls(
            math.inf if loss is None else loss,
            -math.inf if score is None else score,
            state.get("waited", 0),
        )
