"""Scores of single sentences, against NLTK, the package `rouge`, and by hand."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

from utils.metrics import SENTENCE_METRICS, sentence_details
from utils.metrics.meteor_exact import meteor_exact
from utils.metrics.sentence_bleu import sentence_bleu
from utils.metrics.sentence_rouge import f_measure, longest_common, rouge_l, rouge_n

GOLDEN = Path(__file__).parents[1] / "goldens/metrics/sentence.json"
CASES = json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]


def swapped_bleu_1(prediction, reference):
    """How the slides of the hashtag system computed theirs: the truth scored by the prediction."""
    return sentence_bleu(reference, [prediction], 1)[0]


@pytest.mark.parametrize(
    ("truth", "predicted", "right", "swapped"),
    [
        ("selfie", "girl polishgirl selfie black white eye", 1 / 6, math.exp(-5)),
        ("tattoo", "tattoo ink inked", 1 / 3, math.exp(-2)),
        ("a b c d e f g h", "x a b", math.exp(-5 / 3) * 2 / 3, 2 / 8),
        ("friend happy", "friend", math.exp(-1), 1 / 2),
        ("tired", "tired selfie", 1 / 2, math.exp(-1)),
    ],
)
def test_bleu_1_is_of_the_prediction_and_not_of_the_truth(truth, predicted, right, swapped):
    """The slides print the swapped values: .0067, .1353, .25, .5, .3678."""
    truth, predicted = truth.split(), predicted.split()
    assert sentence_bleu(predicted, [truth], 1) == pytest.approx([right])
    assert swapped_bleu_1(predicted, truth) == pytest.approx(swapped)


@pytest.mark.parametrize("case", CASES)
def test_nltk_and_rouge_agree(case):
    words, references = case["words"], case["references"]
    assert sentence_bleu(words, references, 4) == pytest.approx(case["bleu"], abs=1e-12)
    meteors = [meteor_exact(words, reference) for reference in references]
    assert meteors == pytest.approx(case["meteor"], abs=1e-12)
    for reference, expected in zip(references, case["rouge"], strict=True):
        for n in (1, 2):
            found = rouge_n(words, reference, n)
            # The package adds 1e-8 to what it divides by.
            assert (*found, found.f1) == pytest.approx(expected[f"rouge_{n}"], abs=1e-7)
        if "rouge_l" in expected:
            found = sentence_details([words], [[reference]]).corpus
            names = ("ROUGE_L_precision", "ROUGE_L_recall", "ROUGE_L_betaPR")
            assert [found[name] for name in names] == pytest.approx(expected["rouge_l"], abs=1e-7)


def test_nltks_own_example():
    case = json.loads((GOLDEN.parent / "small_cases.json").read_text(encoding="utf-8"))["nltk"]
    references = [text.split() for text in case["references"]]
    bleu = sentence_bleu(case["hypothesis1"].split(), references, 4)[3]
    assert str(bleu).startswith(case["expected"]["sentence_bleu_prefix"])


def test_the_goldens_reach_every_branch():
    scores = [case["bleu"] for case in CASES]
    assert any(bleu[0] == 0 for bleu in scores) and any(bleu[3] > 0 for bleu in scores)
    assert any(bleu[0] > 0 and bleu[1] == 0 for bleu in scores)
    assert sum("rouge_l" in one for case in CASES for one in case["rouge"]) >= 6


def test_rouge_l_with_beta_8():
    assert f_measure(0.5, 0.25, 8) == pytest.approx(65 * 0.125 / (0.25 + 32))
    scores = sentence_details(
        [["a", "b", "c", "d"]], [[["b", "x", "d", "y", "z", "w", "v", "u"]]]
    ).corpus
    assert scores["ROUGE_L_precision"] == 0.5 and scores["ROUGE_L_recall"] == 0.25
    assert scores["ROUGE_L_beta8"] == pytest.approx(0.2519, abs=5e-5)
    # beta = P / R = 2: (1 + 4) 0.125 / (0.25 + 2)
    assert scores["ROUGE_L_betaPR"] == pytest.approx(0.625 / 2.25)
    assert scores["ROUGE_L_F1"] == pytest.approx(1 / 3)


def test_longest_common_is_what_brute_force_finds():
    draw = np.random.default_rng(3)
    for _ in range(40):
        first, second = (draw.integers(3, size=draw.integers(0, 7)).tolist() for _ in "ab")
        subsequences = [
            {part for n in range(len(side) + 1) for part in itertools.combinations(side, n)}
            for side in (first, second)
        ]
        assert longest_common(first, second) == max(map(len, set.intersection(*subsequences)))


def test_meteor_by_hand():
    # Three hits in two chunks: P = 3/3, R = 3/4.
    mean = 1 * 0.75 / (0.9 * 1 + 0.1 * 0.75)
    expected = (1 - 0.5 * (2 / 3) ** 3) * mean
    assert meteor_exact(["c", "a", "b"], ["a", "b", "x", "c"]) == pytest.approx(expected)
    assert meteor_exact(["Sea"], ["sEA"]) == 0.5


def test_several_references():
    words = ["a", "b", "c", "d"]
    references = [["a", "b", "x", "y", "z"], ["c", "d", "x"], ["a", "x"]]
    scores = sentence_details([words], [references]).corpus
    assert scores["Bleu_1_sentence"] == 1.0  # of all together; the closest has 3 words or 5: 3
    assert scores["Bleu_2_sentence"] == pytest.approx(math.sqrt(2 / 3))
    assert scores["ROUGE_1_precision"] == 2 / 4 and scores["ROUGE_1_recall"] == 2 / 3
    assert scores["METEOR_exact"] == max(meteor_exact(words, one) for one in references)
    assert scores["ROUGE_L_recall"] == max(rouge_l(words, one).recall for one in references)


def test_a_word_counts_as_often_as_in_one_reference():
    assert sentence_bleu(["a", "a"], [["a", "b"], ["c", "a"]], 1) == [1 / 2]


def test_nothing_is_a_score_of_zero_and_no_truth_is_left_out():
    predictions = [["a"], [], ["a", "b"], []]
    references = [[["a"]], [["a"]], [[], []], [[]]]
    scores = sentence_details(predictions, references)
    assert tuple(scores.corpus) == SENTENCE_METRICS
    assert scores.corpus["Bleu_1_sentence"] == scores.corpus["ROUGE_L_beta8"] == 1 / 2
    assert scores.rows["Bleu_1_sentence"].tolist() == [1, 0, 0, 0]
    assert scores.notes == [
        "2 of 4 rows have references without words and are left out of the means over sentences"
    ]
    assert set(sentence_details([["a"]], [[[]]]).corpus.values()) == {0.0}
    assert sentence_bleu(["a"], [[], ["a", "b", "c"]], 1) == pytest.approx([math.exp(-2)])
