import sys
from unittest import mock

from scripts import build_corpus, make_toy_stories


def call(module, *args):
    with mock.patch.object(sys, "argv", [module.__name__, *map(str, args)]):
        module.main()


def test_the_report_counts_and_names(tmp_path, capsys):
    texts = tmp_path / "texts"
    call(make_toy_stories, "--out", texts, "--stories", 30)
    for number in range(12):
        (texts / f"bad{number:02}.txt").write_bytes(b"\xff\xfe")
    call(build_corpus, "--input", texts, "--out", tmp_path / "corpus", "--cleaned")
    printed = capsys.readouterr().out
    assert "30 stories in" in printed and "beach and waves" in printed
    assert "cleaned text" in printed and "train  26 stories" in printed
    assert "skipped 12 files without text:" in printed
    assert "bad09.txt: not UTF-8\n  ... and 2 more" in printed and "bad10" not in printed
