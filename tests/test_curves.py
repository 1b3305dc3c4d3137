"""Training computes what it computed when the curves were recorded (`python -m tests.curves`)."""

import numpy as np
import pytest

from tests import curves

QUICK = ("csmn-p5", "char-rnn")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curves")
    curves.make_data(folder)
    return folder


@pytest.mark.parametrize(
    "method",
    [pytest.param(m, marks=[] if m in QUICK else pytest.mark.slow) for m in curves.METHODS],
)
def test_losses_are_those_recorded(data, tmp_path, method):
    recorded = curves.read_recorded()[method]
    found = curves.curve(data, method, tmp_path / "run")
    np.testing.assert_allclose(found, recorded, rtol=curves.TOLERANCE)


def test_every_method_learns_and_is_recorded():
    recorded = curves.read_recorded()
    assert list(recorded) == list(curves.METHODS)
    for method, losses in recorded.items():
        assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.01, method
    # Methods that compute different things have different curves: all but those that differ in the
    # network that made their features.
    same = {name: tuple(recorded[name]) for name in recorded if "resnext" not in name}
    assert len(set(same.values())) == len(same)
