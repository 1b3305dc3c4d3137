import json

import pytest

from utils.errors import UserError
from utils.reports import write_report


def test_numbers_that_json_lacks_are_null_with_a_note(tmp_path):
    values = {"loss": 900.5, "perplexity": float("inf"), "F1": float("nan"), "notes": ["short"]}
    write_report(tmp_path / "metrics.json", values)
    written = json.loads((tmp_path / "metrics.json").read_text())
    notes = written.pop("notes")
    assert written == {"loss": 900.5, "perplexity": None, "F1": None}
    assert notes[0] == "short" and "perplexity is inf" in notes[1] and "F1 is nan" in notes[2]


def test_plain_values_are_written_as_they_are(tmp_path):
    values = {"F1": 0.25, "posts": 7, "limit": None, "subset": "test"}
    write_report(tmp_path / "metrics.json", values)
    assert json.loads((tmp_path / "metrics.json").read_text()) == values


def test_a_path_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"cannot write .*gone/m\.json: No such file"):
        write_report(tmp_path / "gone/m.json", {})
