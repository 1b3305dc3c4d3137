"""Spells each emoji as one ASCII word, which the PTB tokenizer keeps (it drops most emoji)."""

from utils.emoji_pattern import EMOJI, normalize_emoji


def spell_emoji(text: str) -> str:
    """Replaces every emoji by a word of its own: `so funny😂` becomes `so funny emoji1f602x `.

    The word has the code points, not a name, so that it does not change with Unicode's versions.
    Skin tones, joined families, flags and keycaps are one word each. Text without emoji is
    returned as it is.
    """
    return EMOJI.sub(lambda match: f" {_word(match[0])} ", text)


def _word(characters: str) -> str:
    points = (f"{ord(point):x}" for point in normalize_emoji(characters))
    # The ending x: METEOR's stemmer takes an English ending (1f5ed, closed umbrella) away.
    return "emoji" + "u".join(points) + "x"
