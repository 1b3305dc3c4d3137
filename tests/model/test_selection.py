"""What is remembered of validations, and how checkpoints keep it."""

import json

from model.selection import Best


def test_the_loss_decides_without_scores():
    best, answers = Best(), []
    for loss in (2.0, 1.0, 1.0, 1.5, 0.5):
        best, better = best.after({"loss": loss, "perplexity": 9.0})
        answers.append((better, best.waited))
    assert answers == [(True, 0), (True, 0), (False, 1), (False, 2), (True, 0)]
    assert best.loss == 0.5


def test_the_score_decides_where_captions_are_scored():
    first, better = Best().after({"loss": 1.0, "score": 0.0})
    assert better  # also a score of 0 is better than none
    second, better = first.after({"loss": 0.5, "score": 0.0})
    assert not better and second == Best(0.5, 0.0, 1)
    assert second.after({"loss": 3.0, "score": 0.25}) == (Best(0.5, 0.25, 0), True)


def test_checkpoints_keep_it():
    for best in (Best(), Best(1.5, 0.25, 3), Best(loss=0.5)):
        assert Best.from_state(json.loads(json.dumps(best.to_state(), allow_nan=False))) == best
    assert Best.from_state({"best_loss": None}) == Best()  # of an older run
    assert Best.from_state({"best_loss": 2.0}) == Best(2.0)
