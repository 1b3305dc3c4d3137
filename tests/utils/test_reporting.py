import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from utils.errors import UserError
from utils.reporting import Reporter, nothing_learnt, require_finite
from utils.run_folder import RunFolder


@pytest.fixture
def run(tmp_path):
    with RunFolder.create_or_resume(tmp_path, {}) as run:
        yield run


def scalars(run, tag):
    events = EventAccumulator(str(run.tensorboard)).Reload().Scalars(tag)
    return [(event.step, event.value) for event in events], [event.wall_time for event in events]


def test_a_report_is_one_line_and_one_scalar_each(run):
    with Reporter(run, total_steps=20, bar=False) as reporter:
        reporter.report(10, 1, loss=2.5, learning_rate=0.5)
        reporter.report(np.int64(20), 2, loss=np.float32(1.25), val_loss=1.5)
    first, second = run.records()
    assert (first["step"], first["epoch"], first["loss"], first["learning_rate"]) == (
        10,
        1,
        2.5,
        0.5,
    )
    assert (second["step"], second["loss"]) == (20, 1.25)
    assert scalars(run, "training/loss")[0] == [(10, 2.5), (20, 1.25)]
    assert scalars(run, "training/learning_rate")[0] == [(10, 0.5)]
    assert scalars(run, "validation/loss")[0] == [(20, 1.5)]


def test_a_resumed_run_shows_every_step_once_at_its_own_time(run):
    with Reporter(run, total_steps=20, bar=False) as reporter:
        for step in (10, 20):
            reporter.report(step, 0, loss=step / 4)
    times = [record["time"] for record in run.records()]
    run.truncate_log(10)
    with Reporter(run, total_steps=20, step=10, bar=False) as reporter:
        reporter.report(20, 0, loss=5.0)
    values, shown = scalars(run, "training/loss")
    assert values == [(10, 2.5), (20, 5.0)]
    assert shown[0] == times[0]


def test_the_bar_has_loss_speed_and_place(run, capsys):
    with Reporter(run, total_steps=40, step=10) as reporter:
        reporter.advance(5)
        reporter.report(15, 0, loss=1.23456, posts_per_second=66.04)
    printed = capsys.readouterr()
    assert "15/40" in printed.err
    assert "loss 1.2346, 66.0 posts/s" in printed.err


def test_the_bar_has_the_last_validation(run, capsys):
    with Reporter(run, total_steps=40) as reporter:
        reporter.report(10, 0, loss=2.0, posts_per_second=66.0)
        reporter.report(10, 0, val_loss=2.5, val_score=0.25, val_perplexity=12.0)
        assert (
            "loss 2.0000, 66.0 posts/s, validation 2.5000, score 0.2500" in capsys.readouterr().err
        )
        reporter.report(20, 1, loss=1.0)
    assert "loss 1.0000, 66.0 posts/s, validation 2.5000" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("losses", "validations", "said"),
    [
        (
            [2.8, 2.7],
            [3e6, 7e3],
            "the validation loss is 7000 at best, where training began at 2.8",
        ),
        ([2.8, 2.7], [3e6, 2.5], None),
        ([2.8, 2.79, 2.8], [], "the training loss is 2.79 at best"),
        ([2.8, 2.0], [], None),
        ([2.8], [], None),  # too short to tell
        ([], [2.0], None),
    ],
)
def test_a_training_that_brought_nothing_is_told(losses, validations, said):
    records = [{"loss": loss} for loss in losses] + [{"val_loss": loss} for loss in validations]
    warning = nothing_learnt(records)
    assert (warning is None) == (said is None)
    assert said is None or (said in warning and "--learning_rate" in warning)


def test_finite_values_pass():
    values = {"loss": 1.0, "gradient": np.ones([2, 3], np.float32)}
    assert require_finite(1, 0, values) is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_not_finite_says_what_and_where(bad):
    values = {"loss": bad, "penalty": 0.5, "gradient of w_q": np.array([1.0, bad])}
    with pytest.raises(UserError) as error:
        require_finite(31, 4, values)
    message = str(error.value)
    assert message.startswith("loss, gradient of w_q not finite at step 31, epoch 4 (loss=")
    assert "penalty=0.5" in message
