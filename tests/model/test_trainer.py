"""The loop alone: when it reports, validates, saves and stops, with a model that costs nothing."""

import os
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from model import trainer as trainer_module
from model.optimizer import Adam
from model.selection import Best, Judge
from model.trainer import Feed, Progress, Trainer
from model.training import StepOptions
from tests.bigram import Bigram
from utils.errors import UserError

STRATEGY = tf.distribute.OneDeviceStrategy("/cpu:0")
POSTS, BATCH, VOCABULARY, WIDTH, SLOTS = 11, 4, 9, 5, 6
SETTINGS = SimpleNamespace(
    epochs=3,
    learning_rate=0.02,
    learning_rate_decay=0.5,
    decay_every=2,
    checkpoint_every=2,
    report_every=2,
    patience=None,
)


def make_posts(seed=0, spoilt=None):
    random = np.random.default_rng(seed)
    length = random.integers(1, SLOTS, POSTS).astype(np.int32)
    caption = random.integers(4, VOCABULARY, (POSTS, SLOTS - 1)).astype(np.int32)
    image = random.normal(size=(POSTS, 1, WIDTH)).astype(np.float32)
    if spoilt is not None:
        image[spoilt] = np.inf
    return {
        "image": image,
        "context": random.integers(4, VOCABULARY, (POSTS, 3)).astype(np.int32),
        "context_length": np.full(POSTS, 3, np.int32),
        "caption": np.where(np.arange(SLOTS - 1) < length[:, np.newaxis], caption, 0),
        "caption_length": length,
        "row": np.arange(POSTS, dtype=np.int32),
    }


class Events:
    """A sink that remembers; `at` calls a function after an event, such as ("step", 3)."""

    def __init__(self, first=0):
        self.steps, self.reports, self.saved, self.order = first, [], [], []
        self.at = {}

    def advance(self):
        self.steps += 1
        self._note("step", self.steps)

    def report(self, step, epoch, **values):
        self.reports.append({"step": step, "epoch": epoch, **values})
        self._note("report" if "loss" in values else "validation", step)

    def save(self, step, state, best):
        self.saved.append((step, state, best))
        self._note("save", step)

    def show(self, step):
        self._note("show", step)

    def close(self):
        pass

    def _note(self, *event):
        self.order.append(event)
        self.at.get(event, lambda: None)()


class StopsAt:
    """Workers that agree to stop from a question on."""

    def __init__(self, question):
        self.left = question

    def agree(self, stop):
        self.left -= 1
        return self.left < 0


def make_trainer(
    progress=Progress(),  # noqa: B008
    validate=True,
    posts=None,
    workers=None,
    judge=None,
    snapshots=(),
    **settings,
):
    posts = make_posts() if posts is None else posts
    model = Bigram(VOCABULARY, WIDTH, SLOTS, 3, "float32")

    def batches(first=0):
        data = tf.data.Dataset.from_tensor_slices(posts).batch(BATCH).skip(first)
        return STRATEGY.experimental_distribute_dataset(data)

    validation = batches if validate else None
    feed = Feed(lambda _, first: batches(first), validation, POSTS, BATCH, 3, judge, snapshots)
    settings = SimpleNamespace(**(vars(SETTINGS) | settings))
    sink = Events(progress.step)
    return Trainer(
        STRATEGY,
        model,
        Adam(model.parameters.variables),
        feed,
        sink,
        settings,
        StepOptions(),
        progress,
        workers,
    )


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_an_epoch_reports_validates_and_saves_in_this_order():
    trainer = make_trainer(epochs=1)
    assert trainer.run()
    events = [event for event in trainer.sink.order if event[0] != "step"]
    assert events == [
        ("report", 2),
        ("save", 2),
        ("report", 3),
        ("validation", 3),
        ("save", 3),
        ("show", 3),
    ]
    assert trainer.sink.steps == 3
    assert [(step, best) for step, _, best in trainer.sink.saved] == [(2, False), (3, True)]


def test_the_rate_decays_by_epoch():
    trainer = make_trainer()
    trainer.run()
    rates = {r["epoch"]: r["learning_rate"] for r in trainer.sink.reports if "loss" in r}
    assert rates == {1: 0.02, 2: 0.02, 3: 0.01}


def test_a_report_is_the_mean_of_the_losses_since_the_last():
    each = make_trainer(report_every=1)
    each.run()
    losses = [r["loss"] for r in each.sink.reports if "loss" in r]
    pairs = make_trainer()
    pairs.run()
    means = [r["loss"] for r in pairs.sink.reports if "loss" in r]
    assert means[:3] == [np.mean(losses[:2]), losses[2], losses[3]]


def test_posts_per_second_counts_posts_that_exist(monkeypatch):
    """The last step of an epoch has 3 posts, not 4."""
    clock = iter(range(1000))
    monkeypatch.setattr(trainer_module.time, "monotonic", lambda: float(next(clock)))
    trainer = make_trainer(report_every=1, epochs=2, validate=False)
    trainer.run()
    assert [r["posts_per_second"] for r in trainer.sink.reports] == [4, 4, 3] * 2


def test_the_best_checkpoint_is_that_of_the_lowest_validation_loss(monkeypatch):
    scores = iter([2.0, 1.5, 1.75])
    monkeypatch.setattr(trainer_module, "teacher_forced_scores", lambda *_: {"loss": next(scores)})
    trainer = make_trainer(checkpoint_every=100)
    trainer.run()
    assert [best for _, _, best in trainer.sink.saved] == [True, True, False]
    assert [state["best_loss"] for _, state, _ in trainer.sink.saved] == [2.0, 1.5, 1.5]


def test_without_validation_the_last_is_the_best():
    trainer = make_trainer(validate=False, checkpoint_every=100)
    trainer.run()
    assert [best for _, _, best in trainer.sink.saved] == [True] * 3
    assert trainer.sink.saved[-1][1]["best_loss"] is None


def test_each_step_is_compiled_once(monkeypatch):
    made = []

    def noting(make):
        return lambda *args: made.append(make(*args)) or made[-1]

    for name in ("make_train_step", "make_validation_step"):
        monkeypatch.setattr(trainer_module, name, noting(getattr(trainer_module, name)))
    make_trainer(epochs=4).run()
    assert [step.experimental_get_tracing_count() for step in made] == [1, 1]


@pytest.mark.parametrize("step", range(1, 9))
def test_a_stop_saves_after_the_step_and_goes_on_there(step):
    whole = make_trainer()
    whole.run()
    first = make_trainer()
    first.sink.at["step", step] = interrupt
    assert not first.run()
    at, state, _ = first.sink.saved[-1]
    # At an epoch's end its validation is still to come: the run goes on within that epoch.
    assert (at, first.step, state["epoch"]) == (step, step, (step - 1) // 3)
    second = go_on(first)
    assert second.run()
    same_end(whole, first, second)


@pytest.mark.parametrize("event", [("report", 3), ("validation", 6), ("save", 6)])
def test_a_stop_around_the_validation_loses_and_repeats_nothing(event):
    whole = make_trainer()
    whole.run()
    first = make_trainer()
    first.sink.at[event] = interrupt
    assert not first.run()
    assert first.step == event[1]
    second = go_on(first)
    assert second.run()
    same_end(whole, first, second)


@pytest.mark.parametrize(("question", "step", "epoch"), [(1, 2, 0), (3, 3, 0), (6, 3, 1)])
def test_a_stop_that_workers_agree_on_may_come_in_a_step_a_validation_or_after_it(
    question, step, epoch
):
    """An epoch asks after two of its three steps, before three batches, and after them; twice."""
    trainer = make_trainer(workers=StopsAt(question))
    assert not trainer.run()
    at, state, _ = trainer.sink.saved[-1]
    assert (at, state["epoch"]) == (step, epoch)
    assert any("val_loss" in report for report in trainer.sink.reports) == bool(epoch)


def test_a_stop_after_the_last_epoch_is_its_end():
    trainer = make_trainer()
    trainer.sink.at["save", 9] = interrupt
    assert trainer.run()


def test_a_second_stop_stops_at_once():
    trainer = make_trainer()
    trainer.sink.at["step", 1] = lambda: (interrupt(), interrupt())
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert not trainer.sink.saved


def test_signals_are_given_back():
    before = signal.getsignal(signal.SIGINT)
    make_trainer(epochs=1).run()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_loss_that_is_not_finite_stops_before_it_is_saved():
    trainer = make_trainer(posts=make_posts(spoilt=5), report_every=50)  # in the second step
    with pytest.raises(UserError, match="loss not finite at step 2, epoch 1"):
        trainer.run()
    assert not trainer.sink.saved


def test_a_validation_loss_that_is_not_finite_is_not_saved(monkeypatch):
    monkeypatch.setattr(trainer_module, "teacher_forced_scores", lambda *_: {"loss": float("nan")})
    trainer = make_trainer(checkpoint_every=100)
    with pytest.raises(UserError, match="validation loss not finite at step 3, epoch 1"):
        trainer.run()
    assert not trainer.sink.saved


def test_a_run_at_its_end_does_nothing():
    trainer = make_trainer(Progress(step=9, epoch=3))
    assert trainer.run()
    assert trainer.sink.order == []


# ---------------------------------------------------------------------- scores and patience


def seen_by(scores):
    """A judge whose epochs have these scores; it remembers the posts of each question."""
    seen = []

    def count(rows, ids):
        assert ids.shape == (len(rows), SLOTS)
        seen.extend(rows.tolist())
        return scores[(len(seen) - 1) // POSTS] * len(rows), len(rows)

    return Judge(count), seen


def test_a_score_decides_where_there_is_one():
    judge, seen = seen_by([0.25, 0.5, 0.375])
    trainer = make_trainer(judge=judge, checkpoint_every=100)
    assert trainer.run()
    assert [best for _, _, best in trainer.sink.saved] == [True, True, False]
    states = [state for _, state, _ in trainer.sink.saved]
    assert [(s["best_score"], s["waited"]) for s in states] == [(0.25, 0), (0.5, 0), (0.5, 1)]
    reports = [r for r in trainer.sink.reports if "val_loss" in r]
    assert [r["val_score"] for r in reports] == [0.25, 0.5, 0.375]
    assert seen == list(range(POSTS)) * 3


def test_a_score_of_nothing_is_zero():
    trainer = make_trainer(judge=Judge(lambda rows, ids: (0.0, 0.0)), epochs=1)
    trainer.run()
    assert trainer.sink.reports[-1]["val_score"] == 0


def test_separate_tags_are_scored_too():
    shapes = []
    judge = Judge(lambda rows, ids: (shapes.append(ids.shape), len(rows)) and (1.0, 1.0), 3)
    make_trainer(judge=judge, epochs=1).run()
    assert shapes == [(4, 3), (4, 3), (3, 3)]


def test_writing_is_compiled_once(monkeypatch):
    made = []
    make = trainer_module.make_decoder
    monkeypatch.setattr(
        trainer_module, "make_decoder", lambda *args: made.append(make(*args)) or made[-1]
    )
    make_trainer(judge=seen_by([1, 2, 3])[0]).run()
    assert len(made) == 1


def test_patience_ends_a_run(monkeypatch):
    scores = iter([2.0, 1.5, 1.75, 1.5, 1.0])
    monkeypatch.setattr(trainer_module, "teacher_forced_scores", lambda *_: {"loss": next(scores)})
    trainer = make_trainer(epochs=9, patience=2, checkpoint_every=100)
    assert trainer.run() and trainer.out_of_patience
    assert trainer.step == 4 * 3  # as good as before is not better
    again = go_on(trainer, epochs=9, patience=2)
    assert again.run() and again.out_of_patience and again.sink.order == []
    patient = go_on(trainer, epochs=5, patience=3)
    assert patient.run() and not patient.out_of_patience
    assert (patient.step, patient.sink.saved[-1][2]) == (15, True)


@pytest.mark.parametrize("step", [4, 6])
def test_a_stopped_run_waits_as_long_as_the_whole_one(step):
    def scores():
        return [0.5, 0.25, 0.25, 0.25, 0.75]

    settings = {"epochs": 5, "patience": 3}
    whole = make_trainer(judge=seen_by(scores())[0], **settings)
    whole.run()
    first = make_trainer(judge=seen_by(scores())[0], **settings)
    first.sink.at["step", step] = interrupt
    assert not first.run()
    second = go_on(first, judge=seen_by(scores()[1:])[0], **settings)
    assert second.run() and second.out_of_patience and second.step == 12
    same_end(whole, first, second)


def test_a_stop_while_captions_are_written_saves_within_the_epoch():
    trainer, asked = None, []

    def count(rows, ids):
        asked.append(len(rows))
        interrupt()
        return 1.0, 1.0

    trainer = make_trainer(judge=Judge(count))
    assert not trainer.run()
    at, state, best = trainer.sink.saved[-1]
    assert (at, state["epoch"], best, state["best_score"]) == (3, 0, False, None)
    assert len(asked) == 1
    assert not any("val_loss" in report for report in trainer.sink.reports)


def go_on(stopped, **settings):
    """A new trainer with the weights and the progress of the last save."""
    step, state, _ = stopped.sink.saved[-1]
    progress = Progress(
        step,
        state["epoch"],
        Best.from_state(state),
        tuple(state["recent_losses"]),
        state["global_batch"],
    )
    trainer = make_trainer(progress, **settings)
    trainer.captioner.parameters.assign(stopped.captioner.parameters.values())
    trainer.optimizer.load(stopped.optimizer.state())
    return trainer


def same_end(whole, first, second):
    """Equal weights, and together the reports of the whole run."""

    def comparable(reports):
        return [{k: v for k, v in r.items() if k != "posts_per_second"} for r in reports]

    assert comparable(first.sink.reports + second.sink.reports) == comparable(whole.sink.reports)
    for name, value in whole.captioner.parameters.values().items():
        np.testing.assert_array_equal(value, second.captioner.parameters.values()[name])
    assert whole.sink.saved[-1] == second.sink.saved[-1]
