"""When snapshots are taken, and what becomes of them."""

import pytest

from model import trainer as trainer_module
from model.snapshots import released_starts, snapshot_steps
from model.trainer import Progress
from tests.model.test_trainer import BATCH, interrupt, make_trainer


@pytest.mark.parametrize(
    ("posts", "shares", "starts"),
    [
        (145_000, 5, [0, 29_000, 58_000, 87_000]),  # Flickr30k, a fifth of an epoch
        (130_260, 10, list(range(0, 130_000, 13_000))),  # MSR-VTT, a tenth
        (90, 5, []),  # less than a batch
        (250, 5, [0, 100]),  # shares of a batch at least
    ],
)
def test_released_snapshots(posts, shares, starts):
    assert list(released_starts(posts, 100, shares)) == starts
    after = {start // 100 + 1 for start in starts}
    assert snapshot_steps(posts, 100, shares, released=True) == after


@pytest.mark.parametrize(
    ("posts", "shares", "steps"),
    [
        (145_000, 5, {290, 580, 870, 1160, 1450}),
        (145_001, 1, {1451}),
        (1_000, 3, {3, 7, 10}),
        (150, 5, {1, 2}),  # an epoch has no more steps
        (1_000, None, set()),
    ],
)
def test_snapshots_are_at_even_shares_and_the_last_ends_the_epoch(posts, shares, steps):
    assert snapshot_steps(posts, 100, shares) == steps


def test_snapshots_are_validated_and_named_in_every_later_checkpoint():
    trainer = make_trainer(epochs=2, checkpoint_every=100, report_every=100, snapshots={1, 3})
    assert trainer.run()
    events = [event for event in trainer.sink.order if event[0] != "step"]
    first, last = [("validation", 1), ("save", 1)], [("report", 3), ("validation", 3), ("save", 3)]
    assert events[:5] == first + last
    saved = {step: (state["snapshots"], state["epoch"]) for step, state, _ in trainer.sink.saved}
    assert saved == {1: ([1], 0), 3: ([1, 3], 1), 4: ([1, 3, 4], 1), 6: ([1, 3, 4, 6], 2)}
    assert [best for step, _, best in trainer.sink.saved if step in (1, 4)] == [False, False]


def test_a_snapshot_within_an_epoch_is_neither_the_best_nor_a_wait(monkeypatch):
    scores = iter([1.0, 2.0, 3.0, 1.5])
    monkeypatch.setattr(trainer_module, "teacher_forced_scores", lambda *_: {"loss": next(scores)})
    trainer = make_trainer(epochs=2, checkpoint_every=100, snapshots={2}, patience=2)
    assert trainer.run()
    bests = [(step, state["best_loss"]) for step, state, _ in trainer.sink.saved]
    assert bests == [(2, None), (3, 2.0), (5, 2.0), (6, 1.5)]
    assert trainer.best.waited == 0


def test_a_resumed_run_knows_its_snapshots():
    whole = make_trainer(epochs=2, snapshots={1, 3}, validate=False)
    whole.run()
    progress = Progress(step=3, epoch=1, global_batch=BATCH, snapshots=(1, 3))
    resumed = make_trainer(progress, epochs=2, snapshots={1, 3}, validate=False)
    resumed.run()
    assert resumed.sink.saved[-1][1]["snapshots"] == whole.sink.saved[-1][1]["snapshots"]


@pytest.mark.parametrize("at", [("step", 2), ("validation", 2)])
def test_a_run_that_is_stopped_at_a_snapshot_takes_it_when_it_goes_on(at):
    """Before its scores are known; or after, and then it is not taken again."""
    whole = make_trainer(epochs=1, snapshots={2}, report_every=1)
    whole.run()
    stopped = make_trainer(epochs=1, snapshots={2}, report_every=1)
    stopped.sink.at[at] = interrupt
    assert not stopped.run()
    step, state, _ = stopped.sink.saved[-1]
    assert (step, state["snapshots"]) == (2, [2] if at[0] == "validation" else [])
    progress = Progress(2, 0, global_batch=BATCH, snapshots=tuple(state["snapshots"]))
    resumed = make_trainer(progress, epochs=1, snapshots={2}, report_every=1)
    assert resumed.run()
    for events in (whole.sink, resumed.sink):
        assert events.saved[-1][1]["snapshots"] == [2]
    both = stopped.sink.order + resumed.sink.order
    assert both.count(("validation", 2)) == whole.sink.order.count(("validation", 2)) == 1
