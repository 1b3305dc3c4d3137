"""What workers get: pages that need nothing but a browser, and files for a crowdsourcing site.

Nothing in them depends on whose text is whose but the texts' places, which were drawn.
"""

import base64
import csv
import io
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from scripts.user_study.choice import CLUES, Question, Said
from scripts.user_study.plan import Item
from scripts.user_study.ratings import ASKS, RELEVANCE

TEMPLATES = Path(__file__).parent
# One noun for what methods write, for each task.
THINGS = {"caption": "text", "hashtag": "set of hashtags", RELEVANCE: "hashtags and story"}
CROWD_IMAGES = "images"


def page(
    study: str, number: int, task: str, questions: Sequence[Question], items: Sequence[Item]
) -> str:
    """One worker's page: a whole document with all its images, style and script.

    Args:
        study: names the study, so that its answers are told from another's.
        number: of the page.
        task: caption or hashtag: which of two texts is better; relevance: questions by yes or no.
        questions: the drawn posts.
        items: what this worker is asked, in order.
    """
    images: dict[bytes, int] = {}
    ask = _rated if task == RELEVANCE else _asked
    asked = [ask(questions[item.post], item, images) for item in items]
    data = {
        "study": study,
        "page": number,
        "images": [_data_uri(image) for image in images],
        "questions": asked,
    }
    thing = THINGS[task]
    return _fill(
        "page.html",
        title=f"Questions on {thing}" if task == RELEVANCE else "Which is more relevant?",
        intro=_fill(f"intro_{form_of(task)}.html", thing=thing),
        ask=f"Which {thing} is more relevant to this person’s post?",
        style=_template("page.css"),
        script=_template("page.js"),
        # `<` would let a text end the script element that it stands in.
        data=json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"),
    )


def form_of(task: str) -> str:
    """The form of a study: of its own, or two texts compared."""
    return RELEVANCE if task == RELEVANCE else "preference"


def _asked(question: Question, item: Item, images: dict[bytes, int]) -> dict:
    first, second = in_order(question, item)
    return {
        "id": item.id,
        "image": images.setdefault(question.image, len(images)),
        "clues": [
            {"image": images.setdefault(clue.image, len(images)), **_plain(clue.said)}
            for clue in question.clues
        ],
        "texts": [_plain(first), _plain(second)],
    }


def _rated(question: Question, item: Item, images: dict[bytes, int]) -> dict:
    """A question by yes or no; hashtags and story stand beside the picture."""
    return {
        "id": item.id,
        "image": images.setdefault(question.image, len(images)),
        "clues": [],
        "shown": _plain(question.said[0]),
        "ask": ASKS[item.pair].text,
        "texts": [_plain(Said(answer)) for answer in ("Yes", "No")],
    }


def in_order(question: Question, item: Item) -> tuple[Said, Said]:
    """The two texts of a question, as they stand on a sheet."""
    ours, theirs = question.said[0], question.said[1 + item.pair]
    return (ours, theirs) if item.ours == 1 else (theirs, ours)


def _plain(said: Said) -> dict:
    return {"text": said.text, "tags": list(said.tags)}


def _data_uri(image: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(image).decode()}"


def crowd_template(task: str) -> str:
    """The page that a crowdsourcing site fills with the columns of a row, `${column}`."""
    if task == RELEVANCE:
        return _fill("crowd_relevance.html")
    clues = "\n".join(
        f'    <div class="clue"><img alt="" src="${{clue_{n}_image}}">'
        f'<p dir="auto">${{clue_{n}_text}}</p></div>'
        for n in range(1, CLUES + 1)
    )
    return _fill("crowd.html", thing=THINGS[task], clues=clues)


def crowd_csv(
    questions: Sequence[Question], items: Sequence[Item], image_url: str, task: str = "caption"
) -> str:
    """One row per question, texts as HTML in plain ASCII.

    Sites put texts into their pages as they are, so that `<` has to be `&lt;`; and some refuse
    emoji in an imported file, so that what is not ASCII is a character reference.
    """
    row = _rated_row if task == RELEVANCE else _row
    rows = [row(questions[item.post], item, image_url) for item in items]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _row(question: Question, item: Item, image_url: str) -> dict[str, str]:
    first, second = in_order(question, item)
    row = {"question": item.id, "image": image_url + query_name(item.post)}
    for n in range(CLUES):
        clue = question.clues[n] if n < len(question.clues) else None
        row[f"clue_{n + 1}_image"] = image_url + clue_name(item.post, n) if clue else ""
        row[f"clue_{n + 1}_text"] = _html(clue.said) if clue else ""
    return {**row, "text_a": _html(first), "text_b": _html(second)}


def _rated_row(question: Question, item: Item, image_url: str) -> dict[str, str]:
    (said,) = question.said
    return {
        "question": item.id,
        "image": image_url + query_name(item.post),
        "hashtags": _html(Said(tags=said.tags)),
        "story": _html(Said(said.text)),
        "ask": _html(Said(ASKS[item.pair].text)),
    }


def crowd_images(questions: Sequence[Question]) -> dict[str, bytes]:
    """File names, as the rows have them, to JPEGs."""
    files = {}
    for post, question in enumerate(questions):
        files[query_name(post)] = question.image
        files |= {clue_name(post, n): clue.image for n, clue in enumerate(question.clues)}
    return files


def query_name(post: int) -> str:
    """The file of a post's image; the original's name may have the user's in it."""
    return f"{post + 1:04d}.jpg"


def clue_name(post: int, clue: int) -> str:
    """The file of the image of another post of the user."""
    return f"{post + 1:04d}-{clue + 1}.jpg"


def _html(said: Said) -> str:
    parts = [escape(said.text)] if said.text else []
    parts += [f"<bdi>#{escape(tag)}</bdi>" for tag in said.tags]
    html = " ".join(parts) or "<i>(nothing)</i>"
    if html[0] in "=+-@":  # a spreadsheet would take the cell for a formula
        html = f"&#{ord(html[0])};{html[1:]}"
    return html.encode("ascii", "xmlcharrefreplace").decode()


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _fill(name: str, **parts: str) -> str:
    """Puts the parts into the marks of a template, `[[name]]`, each in one pass."""
    before, *rest = _template(name).split("[[")
    filled = [before]
    for piece in rest:
        mark, after = piece.split("]]", 1)
        filled += [parts[mark], after]
    return "".join(filled)
