"""Questions among workers with made-up answers; tests/test_train_workers.py has real ones."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from utils import workers as workers_module
from utils.errors import UserError
from utils.workers import Workers, one_line_for_a_lost_worker


@pytest.fixture
def pair(monkeypatch):
    """This worker and one whose numbers are in `other`."""
    monkeypatch.setattr(workers_module, "is_one_of_several_workers", lambda: True)
    monkeypatch.setattr(workers_module, "_make_gather", lambda strategy: None)
    pair = Workers(None)
    pair.other = []
    pair._gather = lambda values: tf.constant(np.stack([values, pair.other]))
    return pair


def test_a_single_process_answers_at_once():
    alone = Workers(tf.distribute.get_strategy())
    alone.wait()
    assert [alone.agree(False), alone.agree(True)] == [False, True]
    assert alone.differing({"step": 1}) == []
    np.testing.assert_array_equal(alone.total([3, 2]), [3, 2])


def test_what_differs_is_named(pair):
    pair.other = [5.0, 2.0**32 - 1]
    assert pair.differing({"step": 5, "weights": 2**32 - 1}) == []
    assert pair.differing({"step": 5, "weights": 2**32 - 2}) == ["weights"]
    assert pair.differing({"step": 0, "weights": 0}) == ["step", "weights"]


def test_workers_add_up_once_each(pair):
    """However many replicas tell it: a worker of two and one of one."""
    pair._strategy = SimpleNamespace(extended=SimpleNamespace(worker_devices=["a", "b"]))
    pair._gather = lambda values: tf.constant(np.stack([values, values, [0.5, 4.0]]))
    np.testing.assert_array_equal(pair.total([3.0, 2.0]), [3.5, 6.0])


def test_a_stop_of_another_worker_comes_two_questions_later(pair):
    answers = []
    for other in (0.0, 1.0, 1.0, 1.0):
        pair.other = [other]
        answers.append(pair.agree(False))
    assert answers == [False, False, False, True]


def test_the_own_stop_comes_no_sooner(pair):
    pair.other = [0.0]
    assert [pair.agree(True) for _ in range(3)] == [False, False, True]


def raised(error):
    with one_line_for_a_lost_worker():
        raise error


def test_a_lost_worker_is_one_line(pair):
    for kind in (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError):
        with pytest.raises(UserError, match="another worker has stopped"):
            raised(kind(None, None, "Connection reset"))
    with pytest.raises(UserError, match="another worker has stopped"):
        raised(tf.errors.InternalError(None, None, "Collective ops is aborted by: ..."))


def test_other_errors_stay_what_they_are(pair, monkeypatch):
    for error in (tf.errors.InternalError(None, None, "cuDNN"), ValueError("collective")):
        with pytest.raises(type(error)):
            raised(error)
    monkeypatch.setattr(workers_module, "is_one_of_several_workers", lambda: False)
    with pytest.raises(tf.errors.UnavailableError):
        raised(tf.errors.UnavailableError(None, None, "Connection reset"))
