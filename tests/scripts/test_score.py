import json
import subprocess
import sys

import numpy as np
import pytest

from scripts import score
from tests.utils.java_stub import fake_java, needs_java
from utils.errors import UserError
from utils.metrics import METRICS, SENTENCE_METRICS, caption, fitting_tokenizer
from utils.metrics.hashtag import SET_METRICS

TAGS = {"id": 1, "prediction": "sun sea", "references": ["Sea sand fun"]}


@pytest.fixture
def run(monkeypatch, tmp_path):
    def run(*flags: object, rows=(TAGS,)) -> None:
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        monkeypatch.setattr(sys, "argv", ["score", str(path), *map(str, flags)])
        score.main()

    return run


def test_hashtags(run, capsys, tmp_path):
    several = {"id": 2, "prediction": "a", "references": ["a", "b"]}
    run("--task", "hashtag", "--json", tmp_path / "out.json", rows=[TAGS, several])
    written = json.loads((tmp_path / "out.json").read_text())
    assert written.pop("notes") == []
    assert written["precision_at_1"] == 1 / 2 and written["Bleu_2_sentence"] == 0
    sets = {name: written[name] for name in (*SET_METRICS, "rows")}
    assert sets == pytest.approx(
        {
            "F1": (2 / 5 + 2 / 3) / 2,
            "macro_precision": 3 / 4,
            "macro_recall": (1 / 3 + 1 / 2) / 2,
            "micro_precision": 2 / 3,
            "micro_recall": 2 / 5,
            "micro_F1": 1 / 2,
            "rows": 2,
        }
    )
    printed = capsys.readouterr().out.split("\n")
    assert printed[2].split() == ["F1", "0.5333"]
    assert printed[-2] == "2 rows"


@needs_java
def test_captions(run, capsys, tmp_path):
    rows = [{"id": 1, "prediction": "A dog! 😂", "references": ["a dog 😂", "a cat"]}]
    run("--json", tmp_path / "out.json", rows=rows)
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["Bleu_3"] == pytest.approx(1)
    assert written["tokenizer"] == "ptb_emoji" and written["METEOR"] == 1.0
    printed = capsys.readouterr().out
    assert "note: CIDEr of a single row is 0 by definition" in printed
    assert "1 rows, tokenizer ptb_emoji" in printed


def test_a_ranking_in_the_file_is_used(run, tmp_path):
    row = {"id": 3, "prediction": "sea", "ranking": "sun fun sea", "references": ["sea fun"]}
    run("--task", "hashtag", "--json", tmp_path / "out.json", rows=[row])
    written = json.loads((tmp_path / "out.json").read_text())
    assert (written["precision_at_1"], written["recall_at_5"], written["F1"]) == (0, 1, 2 / 3)
    with pytest.raises(UserError, match='"ranking" is 7, not a string'):
        run("--task", "hashtag", rows=[row | {"ranking": 7}])


def test_words_as_they_are_get_the_scores_by_sentence(run, tmp_path, monkeypatch):
    zeros = lambda predictions, *_: (0.0, np.zeros(len(predictions)))  # noqa: E731
    monkeypatch.setattr(caption, "meteor_scores", zeros)
    rows = [
        {"id": 1, "prediction": "바다/Noun 가/Josa", "references": ["바다/Noun 좋다/Adjective"]},
        {"id": 2, "prediction": "_UNK", "references": ["_UNK 좋다/Adjective"]},
    ]
    run("--tokenizer", "none", "--json", tmp_path / "out.json", rows=rows)
    written = json.loads((tmp_path / "out.json").read_text())
    assert set(SENTENCE_METRICS) | set(METRICS) <= set(written)
    assert written["Bleu_1_sentence"] == written["ROUGE_L_beta8"] == 1 / 4


def test_the_tokenizer_that_fits_a_view():
    names = ("standard", "released", "korean", "whitespace", None)
    fitting = list(map(fitting_tokenizer, names))
    assert fitting == ["ptb_emoji", "ptb_emoji", "none", "none", "ptb_emoji"]


def test_java_that_hangs(run, monkeypatch, tmp_path):
    fake_java(tmp_path, monkeypatch, "exec sleep 600")
    with pytest.raises(UserError, match=r"did nothing for 0\.2 seconds"):
        run("--java_timeout", "0.2")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--json", "."], "is a folder"),
        (["--json", "missing/out.json"], "there is no folder missing"),
        (["--java_timeout", "0"], "above 0"),
        (["--java_timeout", "nan"], "above 0"),
    ],
)
def test_wrong_flags_are_named_before_the_work(run, flags, message):
    with pytest.raises(UserError, match=message):
        run(*flags)


def test_the_command_reports_mistakes_in_one_line(tmp_path):
    command = [sys.executable, "-m", "scripts.score", str(tmp_path / "missing.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot read the predictions")
    assert done.stderr.count("\n") == 1
