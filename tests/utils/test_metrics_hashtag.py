import math

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer

from utils.errors import UserError
from utils.metrics import HASHTAG_METRICS, hashtag_details, score_hashtags


def test_one_post_by_hand():
    scores = score_hashtags([["sun", "sea"]], [["sea", "sand", "fun"]])
    penalty = math.exp(1 - 3 / 2)
    assert scores == pytest.approx(
        {
            "precision_at_1": 0.0,
            "recall_at_5": 1 / 3,
            "accuracy_at_5": 1.0,
            "hit_rate": 1.0,
            "predicted_tags": 2.0,
            "Bleu_1_sentence": penalty / 2,
            "Bleu_2_sentence": 0.0,
            "ROUGE_1_precision": 1 / 2,
            "ROUGE_1_recall": 1 / 3,
            "ROUGE_1_F1": 2 / 5,
            "ROUGE_L_precision": 1 / 2,
            "ROUGE_L_recall": 1 / 3,
            "ROUGE_L_F1": 2 / 5,
            "ROUGE_L_betaPR": (1 + 2.25) / 6 / (1 / 3 + 2.25 / 2),
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
        "2 of 4 rows have references without words and are left out of the means over sentences",
    ]


def test_only_empty_sides_are_zero_and_not_an_error():
    assert set(hashtag_details([[]], [[]]).corpus.values()) == {0.0}


def test_micro_f1_is_that_of_the_micro_precision_and_recall():
    """The Korean system's README: P = .2595 and R = .1274 make F1 = .1709."""
    hits, predicted, true = (80, 20), (345, 40), (725, 60)  # of two posts
    predictions = [[f"t{n}" for n in range(count)] for count in predicted]
    references = [
        [*(f"t{n}" for n in range(hit)), *(f"other{n}" for n in range(count - hit))]
        for hit, count in zip(hits, true, strict=True)
    ]
    scores = score_hashtags(predictions, references)
    assert scores["micro_precision"] == 100 / 385 == pytest.approx(0.2595, abs=3e-4)
    assert scores["micro_recall"] == 100 / 785 == pytest.approx(0.1274, abs=5e-5)
    assert scores["micro_F1"] == pytest.approx(0.1709, abs=5e-5)
    assert scores["F1"] == pytest.approx((160 / 1070 + 40 / 100) / 2)


def test_ranks_as_harrison_defines_them():
    """The first tag, the share of the truth in the first five, any hit in the first five."""
    predictions = [["a", "b", "c", "d", "e", "f"], ["x", "#B", "b", "y"], ["x"], []]
    references = [["b", "f", "e", "g"], ["b", "y"], ["a"], ["a", "b", "c"]]
    scores = hashtag_details(predictions, references)
    assert scores.rows["precision_at_1"].tolist() == [0, 0, 0, 0]
    assert scores.rows["recall_at_5"] == pytest.approx([2 / 4, 1, 0, 0])  # f is the sixth
    assert scores.rows["accuracy_at_5"].tolist() == [1, 1, 0, 0]
    assert scores.rows["predicted_tags"].tolist() == [6, 3, 1, 0]
    assert scores.corpus["recall_at_5"] == pytest.approx(1.5 / 4)
    assert hashtag_details(predictions, [["f"]] * 4).corpus["hit_rate"] == 1 / 4
    assert hashtag_details(predictions, [["f"]] * 4).corpus["accuracy_at_5"] == 0


def test_a_ranking_of_all_tags_is_scored_beside_a_shorter_prediction():
    ranking = ["a", "b", "c", "d", "e", "f"]
    scores = hashtag_details([["a"]], [["e", "f", "a"]], [ranking]).corpus
    assert scores["precision_at_1"] == 1.0 and scores["recall_at_5"] == pytest.approx(2 / 3)
    assert scores["predicted_tags"] == 1 and scores["macro_recall"] == pytest.approx(1 / 3)
    with pytest.raises(UserError, match="1 predictions but 2 references"):
        hashtag_details([["a"], ["b"]], [["a"], ["b"]], [ranking])


def test_sequences_count_each_tag_once_and_in_order():
    scores = hashtag_details([["#Sea", "sea", "sun", "_UNK"]], [["sun", "sea", "_UNK"]]).corpus
    assert scores["Bleu_1_sentence"] == scores["ROUGE_1_precision"] == pytest.approx(2 / 3)
    assert scores["ROUGE_L_precision"] == pytest.approx(1 / 3)


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
