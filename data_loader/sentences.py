"""A sentence that somebody has typed, as words that a model can write."""

from collections.abc import Sequence
from difflib import get_close_matches

from data_loader.history import text_cutter
from data_loader.view import View
from data_loader.vocabulary import SPECIAL_WORDS, Vocabulary
from utils.errors import UserError

NEAREST = 3


def cut_sentence(
    view: View, sentence: str, most: int, run: str, skip_unknown: bool = False
) -> tuple[list[str], list[str]]:
    """Cuts a sentence into words as the view's texts were cut.

    Args:
        view: whose words and tokenizer are used; in one of hashtags every word is a tag.
        sentence: any text.
        most: words that the model can write.
        run: who knows the words, for messages.
        skip_unknown: leave out words that are not known, instead of refusing them.

    Returns:
        The known words in their order, and the others, each once.

    Raises:
        UserError: words that are not known, none that is, or too many.
    """
    if view.settings["task"] == "hashtag":
        sentence = " ".join(f"#{tag.removeprefix('#')}" for tag in sentence.split())
    words, vocabulary = text_cutter(view)(sentence), view.vocabulary
    unknown = list(dict.fromkeys(word for word in words if word not in vocabulary))
    if unknown and not skip_unknown:
        raise UserError(
            f"--sentence: {run} does not know {_with_nearest(unknown, vocabulary)}; "
            "choose other words, or --skip_unknown leaves them out"
        )
    known = [word for word in words if word in vocabulary]
    if not known:
        raise UserError(f"--sentence {sentence!r} has no word that {run} knows")
    if len(known) > most:
        raise UserError(f"--sentence has {len(known)} words; this model writes {most} at most")
    return known, unknown


def _with_nearest(unknown: Sequence[str], vocabulary: Vocabulary) -> str:
    known = vocabulary.words[len(SPECIAL_WORDS) :]
    return ", ".join(_nearest(word, known) for word in unknown)


def _nearest(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, NEAREST)
    return f"{word!r} (nearest: {', '.join(near)})" if near else f"{word!r} (nothing is near)"
