"""A function's results are kept, within bounds."""

from data_loader import remembered
from data_loader.remembered import Remembered


def test_a_word_is_looked_at_once(monkeypatch):
    monkeypatch.setattr(remembered, "MOST", 3)
    asked = []
    table = Remembered(lambda word: asked.append(word) or len(word))
    assert [table[word] for word in ("a", "bb", "a", "ccc", "bb")] == [1, 2, 1, 3, 2]
    assert asked == ["a", "bb", "ccc"]
    table["dddd"]
    assert list(table) == ["dddd"] and table["a"] == 1  # full: it begins anew


def test_long_words_are_not_kept():
    table = Remembered(len)
    assert table["x" * 65] == 65 and table["x" * 64] == 64
    assert list(table) == ["x" * 64]
