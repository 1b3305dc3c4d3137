"""What one emoji is: a pattern made from the structure of emoji, not from a list of them.

The structure is that of Unicode Technical Standard 51, section 1.4.9. A list, which is how the
`emoji` package works, has to try thousands of sequences; it serves as the reference in the tests.
"""

import regex

# Emoji are named one by one among older symbols (a star is not one, a heart is). Beyond U+1F000
# every pictograph counts, also places that Unicode keeps free for the emoji of coming years.
_PICTOGRAPH = r"[[\p{Emoji}[\p{Extended_Pictographic}&&[\U0001F000-\U0001FAFF]]]--[0-9#*\p{RI}]]"
_PRESENTATION = r"[\uFE0E\uFE0F]"  # variation selectors: drawn as text, drawn as an emoji
_TAGS = r"[\U000E0020-\U000E007E]+\U000E007F"  # England is a black flag and the letters "gbeng"
_ELEMENT = rf"{_PICTOGRAPH}{_PRESENTATION}?(?:\p{{Emoji_Modifier}}{_PRESENTATION}?|{_TAGS})?"

EMOJI = regex.compile(
    rf"\p{{RI}}{{2}}"  # two letters are a flag
    rf"|[0-9#*]{_PRESENTATION}?\u20E3"  # a keycap
    rf"|{_ELEMENT}(?:\u200D{_ELEMENT})*",  # a family is people joined by U+200D
    regex.VERSION1,
)

_SELECTORS = {0xFE0E: None, 0xFE0F: None}


def draw_as_pictures(text: str) -> str:
    """Asks for the coloured form of each emoji that has a black one too: U+FE0F behind it.

    Words come without variation selectors (`normalize_emoji`); for a reader they need them again.
    """
    return EMOJI.sub(lambda match: match[0] + "\ufe0f" if len(match[0]) == 1 else match[0], text)


def normalize_emoji(emoji: str) -> str:
    """One spelling per emoji: without variation selectors, which phones set or omit at will.

    >>> normalize_emoji("\\u2764\\ufe0f") == normalize_emoji("\\u2764") == "\\u2764"
    True
    """
    return emoji.translate(_SELECTORS)
