"""Which words are counted, which are known, and what is said when a dictionary is missing."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_loader.language import Dictionary, countable_words
from utils.errors import UserError


@pytest.fixture(scope="module")
def english():
    try:
        return Dictionary("en_US")
    except UserError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Can\u2019t wait", ["Can't", "wait"]),
        ("4 days, 20th #beach_day @anna.b's 😍", ["days"]),
        ("see https://t.co/abc now", ["see", "now"]),
        ("\U0001d4fc\U0001d4ee\U0001d4ea ℹ️", ["sea"]),
        ("caf\u00e9 cafe\u0301", ["café", "café"]),
        ("오늘은 바다", ["오늘은", "바다"]),
        ("'quoted' rock'n'roll", ["quoted", "rock'n'roll"]),
        ("", []),
        ("😂😂 #a 12", []),
    ],
)
def test_countable_words(text, words):
    assert countable_words(text) == words


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("The london dog's barking", (0, 4)),  # a name in lower case is known
        ("LOVE it", (0, 2)),
        ("heute gehen wir schwimmen the", (4, 5)),
        ("😂 #foo @bar", (0, 0)),
        ("x" * 100_000, (1, 1)),
        ("\ud83d broken \0 text", (0, 2)),
    ],
)
def test_counts_unknown_words(english, text, counts):
    assert english.count_unknown(text) == counts


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_is_accepted(english, text):
    unknown, words = english.count_unknown(text)
    assert 0 <= unknown <= words


BITS = ["a", "é", "\u0301", "5", "'", "\u2019", "#", "@", ".", "-", "_", "com", "http://", "ℹ", "¨"]


@given(st.lists(st.sampled_from([*BITS, " ", "\n", "\xa0"]), max_size=12).map("".join))
def test_no_rule_looks_across_a_blank(english, text):
    assert english.count_unknown(text) == english._count(text)


def test_says_which_provider_and_dictionary(english):
    assert english.description["dictionary"] == "en_US"
    assert english.description["provider"] and english.description["library"] == "pyenchant"


def test_a_missing_dictionary_names_the_package(english):
    with pytest.raises(UserError, match=r"'xx_YY'.*en_US.*apt-get install hunspell-xx-yy"):
        Dictionary("xx_YY")


def test_a_missing_library_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "enchant", None)
    with pytest.raises(UserError, match="apt-get install libenchant-2-2 hunspell-de-de"):
        Dictionary("de_DE")
