"""Spells each emoji as one ASCII word, which the PTB tokenizer keeps (it drops most emoji)."""

import emoji

# Two ways to draw the same emoji, as text and as a picture: not a difference in meaning.
VARIATION_SELECTORS = {"\ufe0e", "\ufe0f"}


def spell_emoji(text: str) -> str:
    """Replaces every emoji by a word of its own: `so funny😂` becomes `so funny emoji1f602x `.

    The word has the code points, not the name, so that it does not change with the emoji package.
    Skin tones, joined families, flags and keycaps are one word each. Text without emoji is
    returned as it is.
    """
    if text.isascii():
        return text  # the search below is slow
    return emoji.replace_emoji(text, lambda characters, _: f" {_word(characters)} ")


def _word(characters: str) -> str:
    points = (f"{ord(point):x}" for point in characters if point not in VARIATION_SELECTORS)
    # The ending x: METEOR's stemmer takes an English ending (1f5ed, closed umbrella) away.
    return "emoji" + "u".join(points) + "x"
