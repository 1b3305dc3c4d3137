"""Every rule of the tokenizer has a line of before and after."""

import random

import emoji
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_loader import tokenizer
from data_loader.tokenizer import LINK, has_link, tokenize, tokenize_hashtags
from utils.emoji_pattern import EMOJI, normalize_emoji

ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"

BOTH = {  # equal with ascii and unicode letters
    "lower case": ("Good MORNING", ["good", "morning"]),
    "signs": ("wow!!! (50%) a/b *c* :-) …", ["wow", "50", "a", "b", "c"]),
    "numbers": ("3.5 10,000 2nd", ["3", "5", "10", "000", "2nd"]),
    "apostrophes": ("don’t rock'n'roll 'cause dogs'", ["don't", "rock'n'roll", "cause", "dogs"]),
    "hyphens": ("well-known a--b -c- x‑y 5-0", ["well-known", "a", "b", "c", "x-y", "5-0"]),
    "underscores": ("snake_case _so_", ["snake", "case", "so"]),
    "dashes": ("now—or – never", ["now", "or", "never"]),
    "link": ("see https://t.co/aB1?x=1#y, ok", ["see", "ok"]),
    "link after a word": ("seehttp://t.co/x", ["see"]),
    "link before an emoji": ("http://t.co/x😂", ["😂"]),
    "link without scheme": ("www.a.de bit.ly/x pic.twitter.com/x a.com. b.co.uk/z", []),
    "no link": ("so.good and.so on", ["so", "good", "and", "so", "on"]),
    "e-mail": ("to a.b+c@mail.example.com now", ["to", "now"]),
    "user": ("@Ann.b_3's hi,@bob. @c@d", ["@username", "hi", "@username"] + ["@username"] * 2),
    "at": ("tea @ home", ["tea", "home"]),
    "tag": ("#Sea#sun_set fun#x #", ["#sea", "#sun_set", "fun", "#x"]),
    "tag end": ("#a-b #c's #2020 #_", ["#a", "b", "#c", "s", "#2020"]),
    "entities": ("salt &amp; &lt;3 &#39;n&#x27; R&B &reg", ["salt", "3", "n", "r", "b", "reg"]),
    "entity too long": (f"&#{'9' * 5000};a", [f"#{'9' * 5000}", "a"]),
    "emoji in a row": ("so😂😂❤️cute", ["so", "😂", "😂", "❤", "cute"]),
    "emoji after a tag": ("#love❤️#1️⃣", ["#love", "❤", "1⃣"]),
    "one heart": ("❤ ❤️ ❤\ufe0e", ["❤", "❤", "❤"]),
    "drawn as text": ("👁\ufe0e‍🗨\ufe0e 1\ufe0e\u20e3", ["👁‍🗨", "1⃣"]),
    "skin tones": ("👍🏽👍🏿👍", ["👍🏽", "👍🏿", "👍"]),
    "joiners": ("👨‍👩‍👧‍👦🏳️‍🌈🤦🏽‍♂️", ["👨‍👩‍👧‍👦", "🏳‍🌈", "🤦🏽‍♂"]),
    "flags": ("🇩🇪🇰🇷" + ENGLAND + "🏴", ["🇩🇪", "🇰🇷", ENGLAND, "🏴"]),
    "half a flag": ("🇩x", ["x"]),
    "keycaps": ("101️⃣#️⃣*⃣5", ["10", "1⃣", "#⃣", "*⃣", "5"]),
    "letters that are emoji": ("Ⓜ️ ℹ️™ ©a", ["Ⓜ", "ℹ", "™", "©", "a"]),
    "other symbols": ("★ → ♪ ✁", []),
    "emoji of coming years": ("\U0001fafe\U0001fa7f", ["\U0001fafe", "\U0001fa7f"]),
    "styled letters": ("𝓱𝓮𝓵𝓵𝓸 ＷＩＤＥ＃ｔａｇ", ["hello", "wide", "#tag"]),
    "invisible": ("so\u00adfa zero\u200bwidth \ufeffbom", ["sofa", "zerowidth", "bom"]),
    "controls": ("a\0b\tc\r\nd\x85e\u2028f", list("abcdef")),
    "surrogates": ("a\ud83d\ude00b\ud83dc", ["a", "😀", "b", "c"]),
    "nothing": ("", []),
}
LETTERS = {  # text: (ascii, unicode)
    "Café naïve": (["cafe", "naive"], ["café", "naïve"]),
    "cafe\u0301": (["cafe"], ["café"]),
    "Straße Ærø Łódź": (["strasse", "aero", "lodz"], ["straße", "ærø", "łódź"]),
    "İstanbul": (["istanbul"], ["i\u0307stanbul"]),
    "今日NYで夏": (["ny"], ["今日nyで夏"]),
    "한국 привет": ([], ["한국", "привет"]),
    "हिन्दी می\u200cخواهم": ([], ["हिन्दी", "میخواهم"]),
    "#Café #한국 #서울city": (["#cafe", "#city"], ["#café", "#한국", "#서울city"]),
    "l’été": (["l'ete"], ["l'été"]),
}
TAGS = {
    "plain": (["#Love", "sea"], ["love", "sea"]),
    "twice": (["b", "a", "#B"], ["b", "a"]),
    "empty": (["", "#", "!", "_"], []),
    "joined": (["#a#b", "##c"], ["a", "b", "c"]),
    "inside": (["sun_set", "a-b", "New  York", "it's"], ["sun_set", "a-b", "new_york", "its"]),
    "emoji": (["love❤️", "🇩🇪🇰🇷", "#️⃣"], ["love❤", "🇩🇪🇰🇷", "#⃣"]),
}


@pytest.mark.parametrize("letters", ["ascii", "unicode"])
@pytest.mark.parametrize("rule", BOTH)
def test_rule(rule, letters):
    before, after = BOTH[rule]
    assert tokenize(before, letters) == after


@pytest.mark.parametrize("text", LETTERS)
def test_letters(text):
    assert (tokenize(text, "ascii"), tokenize(text, "unicode")) == LETTERS[text]


@pytest.mark.parametrize("letters", ["ascii", "unicode"])
@pytest.mark.parametrize("rule", TAGS)
def test_tag_rule(rule, letters):
    before, after = TAGS[rule]
    assert tokenize_hashtags(before, letters) == after


def test_tag_letters():
    assert tokenize_hashtags(["Café", "한국", "서울city"], "ascii") == ["cafe", "city"]
    assert tokenize_hashtags(["Café", "한국"], "unicode") == ["café", "한국"]


def test_unknown_letters_are_an_error():
    with pytest.raises(ValueError, match="ascii, unicode"):
        tokenize("a", "latin")


def test_links_are_found():
    assert has_link("x http://t.co") and has_link("go to example.com!")
    assert not has_link("so.good a@b.com 3.5")


@pytest.mark.parametrize("status", sorted(emoji.STATUS))
def test_every_emoji_of_the_emoji_package_is_one_token(status):
    listed = [e for e, data in emoji.EMOJI_DATA.items() if data["status"] == emoji.STATUS[status]]
    assert listed
    for sequence in listed:
        assert EMOJI.fullmatch(sequence), ascii(sequence)
        token = normalize_emoji(sequence)
        assert tokenize(f"a{sequence}b", "unicode") == ["a", token, "b"], ascii(sequence)


def test_adjacent_emoji_come_apart():
    tones = ("🏻", "🏼", "🏽", "🏾", "🏿")  # after a hand they are part of it
    listed = [e for e in emoji.EMOJI_DATA if e not in tones]
    random.Random(0).shuffle(listed)
    for start in range(0, len(listed), 7):
        run = listed[start : start + 7]
        assert EMOJI.findall("".join(run)) == run, list(map(ascii, run))


def test_normal_form_joins_spellings_of_one_emoji_only():
    """Unicode gives each emoji exactly one fully qualified (or component) spelling."""
    spellings: dict[str, list[int]] = {}
    for sequence, data in emoji.EMOJI_DATA.items():
        spellings.setdefault(normalize_emoji(sequence), []).append(data["status"])
    full = {emoji.STATUS["fully_qualified"], emoji.STATUS["component"]}
    assert all(sum(status in full for status in found) == 1 for found in spellings.values())


@settings(deadline=None)
@given(st.text(st.characters(), max_size=40))
def test_any_string_gives_clean_tokens(text):
    for letters in ("ascii", "unicode"):
        for token in tokenize(text, letters) + tokenize_hashtags([text], letters):
            assert token.split() == [token]
            token.encode("utf-8")


# What rules look for, in any order: what stands on the other side of a blank must not matter.
BITS = ["a", "Σ", "7", "é", "e", "\u0301", "#", "@", ".", "-", "'", "_", "&", "&nbsp;", "&#769;"]
BITS += [
    "com",
    "www.",
    "/",
    "http://",
    "\U0001f1e9",
    "\U0001f1ea",
    "❤",
    "\ufe0f",
    "\u20e3",
    "\u200d",
]
BITS += ["\ud83d", "\ude00", "\u200b", "¨", "ᄀ", "ᅡ", "\u064b", "𝓱", "，", "🏽", "👍"]
BLANKS = [" ", "\n", "\x1d", "\x85", "\xa0", "\u2028", "\u3000"]


@settings(deadline=None, max_examples=500)
@given(st.lists(st.sampled_from(BITS + BLANKS), max_size=12).map("".join))
def test_no_rule_looks_across_a_blank(text):
    for letters in ("ascii", "unicode"):
        assert tokenize(text, letters) == list(tokenizer._cut(text, letters))
    assert has_link(text) == (LINK.search(tokenizer._mend(text)) is not None)


@pytest.mark.parametrize("unit", [".", "a.", "a-", "@", "@a.", "#", "a@", "e\u0301", "&", "www."])
def test_time_does_not_explode_on_repetition(unit):
    text = unit * 100_000 + " @"  # the sign lets the search for e-mail addresses begin
    tokens = tokenize(text)
    assert all(tokens) and len(tokens) <= len(text)
