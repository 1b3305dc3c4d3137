"""Attention on disk: rounded without losing anything, refused where it does not fit its words."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import UserError
from utils.explanations import read_attention, round_shares

ROW = {
    "id": "ann/1",
    "prediction": "sea",
    "references": ["sun"],
    "words": ["sea", "EOS"],
    "slots": {"user": ["a", "b", "c"], "word": ["GO", "sea"]},
    "attention": {"user": [[0.5, 0.1, 0.2], [0, 0, 1]], "word": [[0.2, 0], [0, 0]]},
}
BAD = {
    '"words" is no list of strings': {"words": [3]},
    '"slots" does not give': {"slots": {"user": "abc", "word": ["GO", "sea"]}},
    "do not name the same memories": {"slots": {"user": ["a", "b", "c"]}},
    "attention. of user is no table": {
        "attention": {**ROW["attention"], "user": [[0.5, 0.1], [0.1]]}
    },
    r"has the shape \(2, 3\), not 2, 1": {"slots": {"user": ["a"], "word": ["GO", "sea"]}},
    r"has the shape \(2, 3\), not 3, 3": {"words": ["sea", "sun", "EOS"]},
}


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=125).filter(any))
def test_rounding_keeps_the_sum(counts):
    shares = np.array([counts, counts[::-1]]) / sum(counts)
    rounded = round_shares(shares)
    np.testing.assert_allclose(rounded.sum(1), 1, atol=1e-9)
    assert np.abs(rounded - shares).max() <= 1.0001e-4
    assert all(float(f"{share:.4f}") == share for share in rounded[0])


def test_the_largest_remainders_are_rounded_up():
    assert round_shares(np.array([[0.26, 0.37, 0.37]]), 1).tolist() == [[0.2, 0.4, 0.4]]
    assert round_shares(np.array([[0.17, 0.68, 0.15]]), 1).tolist() == [[0.2, 0.7, 0.1]]


def test_a_sum_below_one_stays():
    assert round_shares(np.array([[0.25, 0.125, 0.0]]), 2).sum() == pytest.approx(0.38)


def test_reads_what_fits(tmp_path):
    path = tmp_path / "attention.jsonl"
    path.write_text(json.dumps(ROW))
    assert read_attention(path) == [ROW]


@pytest.mark.parametrize("problem", BAD)
def test_refuses_what_does_not_fit(tmp_path, problem):
    path = tmp_path / "run" / "attention.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps(ROW | BAD[problem]))
    with pytest.raises(UserError, match=rf"'ann/1': .*{problem}.*scripts.explain --run_dir .*run"):
        read_attention(path)
