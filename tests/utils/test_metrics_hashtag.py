import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer

from utils.errors import UserError
from utils.metrics import HASHTAG_METRICS, hashtag_details, score_hashtags


def test_one_post_by_hand():
    scores = score_hashtags([["sun", "sea"]], [["sea", "sand", "fun"]])
    assert scores == pytest.approx(
        {
            "F1": 2 / 5,
            "macro_precision": 1 / 2,
            "macro_recall": 1 / 3,
            "micro_precision": 1 / 2,
            "micro_recall": 1 / 3,
            "micro_F1": 2 / 5,
        }
    )
    assert tuple(scores) == HASHTAG_METRICS


def test_scikit_learn_agrees():
    draw = np.random.default_rng(5)
    sides = [[[f"t{t}" for t in draw.integers(9, size=n % 4 + 1)] for n in range(7)] for _ in "pr"]
    predictions, references = sides
    binarizer = MultiLabelBinarizer().fit([*predictions, *references])
    truth, guess = binarizer.transform(references), binarizer.transform(predictions)
    scores = score_hashtags(predictions, references)
    for average, names in {
        "samples": ("macro_precision", "macro_recall", "F1"),
        "micro": ("micro_precision", "micro_recall", "micro_F1"),
    }.items():
        expected = precision_recall_fscore_support(truth, guess, average=average, zero_division=0)
        assert [scores[name] for name in names] == pytest.approx(expected[:3])


def test_an_empty_side_scores_nothing_and_is_noted():
    scores = hashtag_details([[], ["a"], [], ["a"]], [["a"], [], [], ["a"]])
    assert scores.rows["F1"].tolist() == [0, 0, 0, 1]
    assert scores.corpus["F1"] == 1 / 4
    assert scores.corpus["micro_recall"] == scores.corpus["micro_precision"] == 1 / 2
    assert scores.notes == [
        "2 of 4 rows have no predicted tag and score 0",
        "2 of 4 rows have no true tag and score 0",
    ]


def test_only_empty_sides_are_zero_and_not_an_error():
    assert set(hashtag_details([[]], [[]]).corpus.values()) == {0.0}


def test_unknown_is_a_tag_but_no_hit():
    scores = score_hashtags([["_UNK", "a"]], [["_UNK", "a", "b"]])
    assert scores["micro_precision"] == 1 / 2
    assert scores["micro_recall"] == 1 / 3
    assert score_hashtags([["_unk"]], [["_unk"]])["F1"] == 1.0  # somebody's own tag


@pytest.mark.parametrize(
    ("tag", "other"),
    [
        ("#Sea", "sea"),
        ("##sea", "sea"),
        ("＃바다", "바다"),
        ("Cafe\u0301", "caf\xe9"),
        (" a ", "a"),
    ],
)
def test_spellings_of_one_tag(tag, other):
    assert score_hashtags([[tag, other, tag]], [[other]])["F1"] == 1.0


def test_a_lone_sign_is_no_tag():
    assert score_hashtags([["#", "", "a"]], [["a"]])["F1"] == 1.0


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([], [], "nothing to score"),
        ([["a"]], [], "1 predictions but 0 references"),
        (["sun sea"], [["sun"]], "prediction 0 is 'sun sea', expected a list of tags"),
        ([["a"], ["b"]], [["a"], [7]], r"reference 1 is \[7\]"),
        ([None], [["a"]], "prediction 0 is None"),
    ],
)
def test_wrong_input_is_named(predictions, references, message):
    with pytest.raises(UserError, match=message):
        score_hashtags(predictions, references)
