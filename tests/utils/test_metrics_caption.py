import json
from pathlib import Path

import numpy as np
import pytest

from tests.shared_data import shared
from tests.utils.java_stub import needs_java
from utils.errors import UserError
from utils.metrics import METRICS, caption, score, score_details
from utils.metrics.caption import tokenize_sides
from utils.metrics.java import TIMEOUT
from utils.metrics.meteor import meteor_scores

GOLDENS = Path(__file__).parents[1] / "goldens/metrics"
BLEU = METRICS[:4]
ONE_ROW = "CIDEr of a single row is 0 by definition"


def golden(name: str):
    return json.loads((GOLDENS / name).read_text(encoding="utf-8"))


@pytest.fixture
def no_meteor(monkeypatch):
    """Leaves METEOR out, which takes seconds to start."""
    zeros = lambda predictions, *_: (0.0, np.zeros(len(predictions)))  # noqa: E731
    monkeypatch.setattr(caption, "meteor_scores", zeros)


@needs_java
def test_coco_captions_own_example():
    folder = shared("data/metrics/coco_fakecap")
    expected = json.loads((folder / "golden_scores.json").read_text())
    rows = json.loads((folder / "fakecap_refs_ptb_tokenized.json").read_text())
    by_image = {row["image_id"]: row for row in rows}
    order = [by_image[row["image_id"]] for row in expected["per_image"]]
    scores = score_details([r["test"] for r in order], [r["refs"] for r in order], "none")
    assert scores.corpus == pytest.approx(expected["recomputed_pycocoevalcap_1.2"], abs=1e-9)
    for metric in METRICS:
        per_image = [row[metric] for row in expected["per_image"]]
        np.testing.assert_allclose(scores.rows[metric], per_image, atol=1e-9)
    assert scores.notes == []


@pytest.mark.usefixtures("no_meteor")
@pytest.mark.parametrize("case", golden("nlg_eval.json")["cases"], ids=lambda c: c["hyps"][0])
def test_nlg_eval(case):
    expected = dict(case["recomputed_pycocoevalcap_1.2"], METEOR=0.0)
    scores = score_details(case["hyps"], case["refs"], "none")
    assert scores.corpus == pytest.approx(expected, abs=1e-9)


@needs_java
def test_nlg_eval_meteor():
    cases = golden("nlg_eval.json")["cases"]
    expected = [case["recomputed_pycocoevalcap_1.2"]["METEOR"] for case in cases]
    *single, pair = cases
    hard = ["a \r dog", "a ||| dog", "EVAL", "", "\0\x85\u2028"]  # would break the protocol
    predictions = [*hard, *(case["hyps"][0] for case in single)]
    references = [
        *([text.replace("||| ", "")] for text in hard),
        *(case["refs"][0] for case in single),
    ]
    _, rows = meteor_scores(predictions, references)
    assert rows[:4].tolist() == [1, 1, 1, 0]
    corpus, _ = meteor_scores(pair["hyps"], pair["refs"])
    assert [*rows[len(hard) :], corpus] == pytest.approx(expected, abs=1e-9)


@pytest.mark.usefixtures("no_meteor")
@pytest.mark.parametrize("case", golden("edge_cases_single.json"), ids=lambda case: case["hyp"])
def test_single_rows_at_the_edge(case):
    scores = score_details([case["hyp"]], [case["refs"]], "none")
    assert [scores.corpus[name] for name in BLEU] == pytest.approx(case["Bleu"], abs=1e-15)
    assert scores.corpus["ROUGE_L"] == pytest.approx(case["ROUGE_L"], abs=1e-9)
    assert scores.corpus["CIDEr"] == 0.0  # pycocoevalcap: 0, or raises without reference words
    assert any(note.startswith(ONE_ROW) for note in scores.notes)


@pytest.mark.usefixtures("no_meteor")
def test_other_tools_agree():
    cases = golden("small_cases.json")
    aac, nltk, sacre = cases["aac_metrics"], cases["nltk"], cases["sacrebleu"]
    scores = score_details(aac["candidates"], aac["refs"], "none")
    assert scores.corpus["Bleu_1"] == pytest.approx(aac["expected"]["bleu_1"], abs=1e-4)
    assert scores.corpus["CIDEr"] == pytest.approx(aac["expected"]["cider_d"], abs=1e-4)
    per_row = aac["expected"]["cider_d_per_sentence"]
    np.testing.assert_allclose(scores.rows["CIDEr"], per_row, atol=1e-4)
    scores = score_details([nltk["hypothesis1"]], [nltk["references"]], "none")
    prefix = float(nltk["expected"]["sentence_bleu_prefix"])
    assert scores.corpus["Bleu_4"] == pytest.approx(prefix, abs=1e-4)
    references = [list(row) for row in zip(*sacre["refs"], strict=True)]
    scores = score_details(sacre["hyps"], references, "none")
    assert 100 * scores.corpus["Bleu_4"] == pytest.approx(sacre["expected"]["tokenize_none"])


@needs_java
@pytest.mark.usefixtures("no_meteor")
def test_another_tool_agrees_after_the_tokenizer():
    case = golden("small_cases.json")["hf_evaluate"]["bleu"]
    scores = score_details(case["predictions"], case["references"], "ptb")
    assert scores.corpus["Bleu_4"] == pytest.approx(case["expected"]["bleu"])


@needs_java
def test_unknown_words_and_emoji_with_everything_switched_on():
    predictions = ["_UNK dog 😂", "a _UNK cat runs home", ""]
    references = [["_UNK DOG! 😂"], ["a _UNK cat runs home", "x"], ["a bird", ""]]
    scores = score_details(predictions, references)
    assert scores.rows["Bleu_1"] == pytest.approx([2 / 3, 4 / 5, 0], abs=1e-6)
    assert scores.rows["ROUGE_L"][:2] == pytest.approx([2 / 3, 4 / 5])
    assert 0 < scores.rows["METEOR"][0] < 1 and 0 < scores.rows["METEOR"][1] < 1
    assert scores.notes[0] == "1 of 3 rows have a prediction without words"


@needs_java
@pytest.mark.parametrize(
    ("tokenizer", "words"),
    [
        ("ptb_emoji", "fun emoji1f602x unknownpredictionx"),
        ("ptb", "fun unknownpredictionx"),
        ("none", "Fun!😂 unknownpredictionx"),
    ],
)
def test_tokenizers(tokenizer, words):
    tokens = tokenize_sides(["Fun!😂  _UNK"], [["#_UNK"]], tokenizer, TIMEOUT)
    assert tokens == ([words], [["#unknownreferencex"]])


@pytest.mark.usefixtures("no_meteor")
def test_an_unknown_word_is_no_hit_but_a_word():
    scores = score_details(["_UNK _UNK a"], [["_UNK _UNK a"]], "none").corpus
    assert scores["Bleu_1"] == pytest.approx(1 / 3)
    assert score_details(["_UNKNOWN"], [["_UNKNOWN"]], "none").corpus["Bleu_1"] > 0.99


@pytest.mark.usefixtures("no_meteor")
def test_references_go_back_to_their_rows():
    tokens = tokenize_sides(["p", "q"], [["a", "b\n b"], ["c"]], "none", TIMEOUT)
    assert tokens == (["p", "q"], [["a", "b b"], ["c"]])


@pytest.mark.usefixtures("no_meteor")
def test_notes_become_warnings():
    with pytest.warns(UserWarning, match=ONE_ROW):
        assert set(score(["a dog"], [["a dog"]], "none")) == set(METRICS)


@pytest.mark.usefixtures("no_meteor")
def test_references_without_words_are_noted():
    scores = score_details(["", "a"], [[""], [" "]], "none")
    assert scores.corpus["CIDEr"] == 0.0
    assert scores.rows["ROUGE_L"].tolist() == [1.0, 0.0]  # as in pycocoevalcap
    assert [note.split()[0] for note in scores.notes] == ["1", "2", "1", "CIDEr"]


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        ([], [], "nothing to score"),
        (["a"], [["a"], ["b"]], "1 predictions but 2 lists of references"),
        (["a", 3], [["a"], ["b"]], "prediction 1 is 3"),
        (["a"], ["a"], "references 0 are 'a', expected a list"),
        (["a"], [[None]], "expected a list of strings"),
        (["a"], [[]], "row 0 has no references"),
    ],
)
def test_wrong_input_is_named(predictions, references, message):
    with pytest.raises(UserError, match=message):
        score(predictions, references, "none")


def test_unknown_tokenizer_is_named():
    with pytest.raises(UserError, match="ptb_emoji, ptb, none"):
        score(["a"], [["a"]], "words")
