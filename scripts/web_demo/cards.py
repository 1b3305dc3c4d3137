"""Answers as HTML: cards like those of a photo site, whose words say what they looked at.

Text is escaped; what a function returns is HTML. `page.js` reads the `data-` attributes.
"""

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from attend_to_you import Attention, Saliency
from scripts.web_demo.models import Answer
from scripts.web_demo.uploads import Upload
from utils.emoji_pattern import draw_as_pictures
from utils.heatmap import lump
from utils.overlay import seen, spread

MOST_CHIPS = 24
LEAST_SHARE = 0.002  # a word of the user that never gets more is lumped with the others
VEIL_SIDE = 144  # pixels of the longer side; the browser scales it smoothly
DARKEST = 215  # alpha of what is not looked at
PARTS = ("the picture", "the user's words", "words written before")
TALLEST, WIDEST = 5 / 4, 1.91  # proportions of the photo on a card


def answers_html(picture: Upload, answers: Sequence[Answer]) -> str:
    """Cards side by side.

    Args:
        picture: what was asked about.
        answers: see `Models.ask`.
    """
    cards = "\n".join(_card(picture, answer) for answer in answers)
    return f'<div class="cards" data-count="{len(answers)}">{cards}</div>'


def notice(sentence: str) -> str:
    """A sentence in place of cards, that screen readers say at once."""
    return f'<p class="notice" role="alert">{escape(sentence)}</p>'


def empty() -> str:
    """What stands there before the first question."""
    return (
        '<div class="nothing"><p>Nothing asked yet.</p>'
        "<p>Choose a picture: what each model would write under it appears here.</p></div>"
    )


def _card(picture: Upload, answer: Answer) -> str:
    name = answer.person.name
    label = escape(f"{answer.run}, as {name}")
    return (
        f'<article class="card" aria-label="{label}">'
        f'<header><span class="avatar" aria-hidden="true">{escape(name[:1].upper())}</span>'
        f'<span class="who"><b>{_text(name)}</b><small>{escape(answer.run)}</small></span></header>'
        f"{_photo(picture)}{_said(answer)}{_why(answer)}{_story(answer)}</article>"
    )


def _photo(picture: Upload) -> str:
    height, width = picture.size
    ratio = min(WIDEST, max(1 / TALLEST, width / height))
    return (
        f'<div class="photo" style="aspect-ratio: {ratio:.4f}">'
        f'<img alt="the picture" src="{picture.shown}"><img class="veil" alt="" hidden></div>'
    )


def _said(answer: Answer) -> str:
    """What it wrote; the words are buttons where they can say what they looked at."""
    problem = f'<p class="problem">{escape(answer.problem)}</p>' if answer.problem else ""
    if answer.caption is None:
        return problem
    caption, found = answer.caption, looked_at(answer)
    inline = found is not None and _is_whole(answer, found)
    words = _buttons(answer, found) if inline else " ".join(map(_word, caption.text.split()))
    apart = "" if found is None or inline else _apart(answer, found)
    return (
        f'<p class="said"><b>{_text(answer.person.name)}</b> {words or "<i>(no words)</i>"}</p>'
        f'<p class="fine">{_fine(answer)}</p>{problem}{apart}'
    )


def _buttons(answer: Answer, found: Attention) -> str:
    sign = _sign(answer)
    return " ".join(
        f'<button type="button" class="word{_tag(sign + word)}" aria-pressed="false"'
        f"{_data(found, place, answer.caption.size)}>{_text(sign + word)}</button>"
        for place, word in enumerate(found.words)
    )


def _apart(answer: Answer, found: Attention) -> str:
    """The words below the caption that they do not spell: pieces of words, or another sentence."""
    is_sentence = isinstance(answer.looked, Saliency)
    title, unknown = ("The sentence", answer.looked.unknown) if is_sentence else ("In pieces", [])
    left = f" Not known to it: {escape(' '.join(unknown))}." if unknown else ""
    return f'<p class="apart"><small>{title}.{left}</small> {_buttons(answer, found)}</p>'


def _is_whole(answer: Answer, found: Attention) -> bool:
    """Whether the words in a row read as the caption; a tag that is written twice counts once."""
    said = [_sign(answer) + word for word in found.words]
    return answer.caption.text.split() in (said, list(dict.fromkeys(said)))


def _sign(answer: Answer) -> str:
    return "#" if answer.task == "hashtag" else ""


def looked_at(answer: Answer) -> Attention | None:
    """What a model looked at; of one without attention, where each word is in the picture."""
    found = answer.looked
    if not isinstance(found, Saliency):
        return found
    nothing = np.zeros([len(found.words), 0], np.float32)
    return Attention(found.words, found.shown, nothing, [], nothing, [], found.window)


def _fine(answer: Answer) -> str:
    score = answer.caption.log_probability
    how = "the most probable tags" if score is None else f"log probability {score:.2f}"
    return escape(f"{how} · {answer.model}")


def _why(answer: Answer) -> str:
    """The user's and the written words with their weights, and how much each memory counts."""
    found = looked_at(answer)
    if found is None or not found.words:
        return ""
    labels, weights = _chips_of(found)
    user = _chips("user", "The user's words", labels, weights.mean(0))
    before = ["(start)", *found.written_words[1:]] if found.written_words else []
    written = _chips("written", "Words written before", before, found.written.mean(0))
    title = "What it looked at" if answer.looked is found else "Where each word is"
    over = "over all words" if before or labels else ""
    return (
        f'<section class="why"><h4>{title} <span class="now">{over}</span></h4>'
        f"{_bars(found)}{user}{written}"
        '<p class="hint">Point at a word, tab to it, or touch it.</p>'
        '<p class="live" aria-live="polite"></p></section>'
    )


def _bars(found: Attention) -> str:
    """How much each memory counts, where there are several."""
    shares = _shares(found).mean(0)
    if np.count_nonzero(shares) < 2:
        return ""
    bars = "".join(
        f'<li data-part="{n}"><span>{part}</span><i style="--w: {share:.3f}"></i>'
        f"<em>{share:.0%}</em></li>"
        for n, (part, share) in enumerate(zip(PARTS, shares, strict=True))
        if share > 0
    )
    return f'<ul class="shares">{bars}</ul>'


def _chips(kind: str, title: str, labels: Sequence[str], weights: np.ndarray) -> str:
    if not labels:
        return ""
    chips = "".join(
        f'<li style="--w: {weight**0.5:.3f}">{_text(label)}</li>'
        for label, weight in zip(labels, weights.tolist(), strict=True)
    )
    return f'<h5>{title}</h5><ul class="chips {kind}">{chips}</ul>'


def _chips_of(found: Attention) -> tuple[list[str], np.ndarray]:
    return lump(found.user_words, found.user, MOST_CHIPS, LEAST_SHARE)


def _shares(found: Attention) -> np.ndarray:
    """[T, 3], what the picture, the user's words and the written words count for each word."""
    user, written = found.user.sum(1), found.written.sum(1)
    image = np.zeros_like(user) if found.image is None else found.image.sum((1, 2))
    return np.stack([image, user, written], axis=1)


def _data(found: Attention, place: int, size: tuple[int, int]) -> str:
    """What one word looked at, for page.js."""
    rows = {
        "parts": _shares(found)[place],
        "user": _chips_of(found)[1][place],
        "written": found.written[place],
    }
    numbers = "".join(
        f' data-{name}="{" ".join(f"{w:.4g}" for w in row.tolist())}"' for name, row in rows.items()
    )
    if found.image is None or found.image[place].size == 1:
        return numbers
    return f'{numbers} data-veil="{veil_uri(found.image[place], found.window, size)}"'


def veil_uri(cells: np.ndarray, window: Sequence[float], size: tuple[int, int]) -> str:
    """A picture to lay over the photo: dark where a word did not look, and outside of the window.

    Args:
        cells: [h, w], the largest is clear.
        window: (left, top, width, height) of the cells' grid, in pixels of the photo.
        size: (height, width) of the photo in pixels.
    """
    scale = VEIL_SIDE / max(size)
    height, width = (max(1, round(side * scale)) for side in size)
    inside = [edge * scale for edge in window]
    share = np.clip(spread(cells / max(float(cells.max()), 1e-9), inside, height, width), 0, 1)
    share[~seen(inside, height, width)] = 0
    alpha = np.rint(DARKEST * (1 - share)).astype(np.uint8)
    data = io.BytesIO()
    Image.merge("LA", [Image.new("L", (width, height)), Image.fromarray(alpha)]).save(data, "PNG")
    return f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"


def _story(answer: Answer) -> str:
    if not answer.story:
        return ""
    return (
        '<details class="story" open><summary>A story from the first hashtag</summary>'
        f"<p>{_text(answer.story)}</p></details>"
    )


def _word(word: str) -> str:
    return f'<span class="{_tag(word).strip()}">{_text(word)}</span>' if _tag(word) else _text(word)


def _tag(word: str) -> str:
    return " tag" if word.startswith("#") and len(word) > 1 else ""


def _text(text: str) -> str:
    return f"<bdi>{escape(draw_as_pictures(text))}</bdi>"
