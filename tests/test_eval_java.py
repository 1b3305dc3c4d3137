"""`python -m eval` where Java fails: what was decoded is kept, and can be scored."""

import pytest

import eval
from utils.errors import UserError

ROWS = [{"id": "1", "prediction": "a sea", "references": ["a sea", "the sun"]}]


def test_without_java_the_message_says_how_to_score_what_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "predictions.jsonl"
    with pytest.raises(UserError) as error:
        eval.score(ROWS, "caption", "none", 5.0, path)
    message = str(error.value)
    assert "needs Java" in message and "\n" not in message
    assert f"python -m scripts.score {path} --task caption --tokenizer none" in message


def test_hashtags_need_no_java(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert eval.score(ROWS, "hashtag", "none", 5.0, tmp_path).corpus["F1"] > 0
