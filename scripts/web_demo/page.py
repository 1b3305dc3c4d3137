"""The page: Gradio's controls around our own picture field and cards."""

import math
import shlex
import warnings
from collections.abc import Sequence
from dataclasses import Field, dataclass, fields, replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI

from configuration import DecodingOptions
from scripts.web_demo.api import BUSY, LONGEST_TEXT, MOST_PEOPLE
from scripts.web_demo.cards import answers_html, empty, notice
from scripts.web_demo.models import NOBODY, Busy, Models, Person, Question, without_flags
from scripts.web_demo.uploads import LARGEST_FILE, NAMES, Shelf, UploadError, open_picture
from utils.errors import UserError

HERE = Path(__file__).parent
USER, OWN, NONE = "A user's", "My own", "Nobody's"
GREEDY, BEAM, SAMPLE = "Greedy", "Beam search", "Sampling"
LONGEST_SENTENCE = 300  # characters
LISTED_USERS = 2000  # more would make the page slow; others can be typed
MOST_BEAMS = 8
MOST_VISITORS = 24  # in the queue
FONTS = [
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "Noto Sans",
    "Noto Sans CJK KR",
    "Noto Color Emoji",
    "sans-serif",
]
MONO = ["ui-monospace", "SF Mono", "Noto Sans Mono", "Noto Sans Mono CJK KR", "monospace"]


@dataclass(frozen=True)
class Asked:
    """The values of the page's controls, in their order."""

    picture: str
    runs: list
    style: str
    users: list
    account: str
    posts: str
    words: str
    computed: str
    search: str
    beams: float
    temperature: float
    top_p: float
    seed: float
    sentence: str
    story: bool

    @classmethod
    def read(cls, values: Sequence[Any]) -> "Asked":
        """What a browser sends; a control that was never shown has no value.

        Raises:
            UserError: something else where a number should be.
        """
        return cls(*(_read(v, field) for v, field in zip(values, fields(cls), strict=True)))

    def people(self, models: Models) -> list[Person]:
        """In whose styles; words that were edited are for the models that read what was shown.

        The browser may still show another person's words; then there is no such model.
        """
        people, shown = self._chosen(), self.computed.split()
        edited = tuple(self.words[:LONGEST_TEXT].split())
        if len(people) > 1 or list(edited) == shown:
            return people
        known = [name for name in self.runs if name in models.runs]
        editors = tuple(models.readers(known, people[0], shown))
        return [replace(people[0], edited=edited, editors=editors)]

    def _chosen(self) -> list[Person]:
        if self.style == USER and self.users:
            if len(self.users) > MOST_PEOPLE:
                raise UserError(f"Choose {MOST_PEOPLE} users at most, to see them side by side.")
            return [Person(user, user=user) for user in self.users]
        if self.style == OWN:
            return [Person(self.account.strip()[:40] or "you", posts=self.posts[:LONGEST_TEXT])]
        return [NOBODY]

    def decoding(self) -> DecodingOptions:
        """How the captions are searched for."""
        if self.search == BEAM:
            return DecodingOptions(beam_size=max(2, min(MOST_BEAMS, int(self.beams))))
        if self.search == SAMPLE:
            numbers = {"temperature": self.temperature, "top_p": self.top_p, "seed": int(self.seed)}
            return DecodingOptions(sample=True, **numbers)
        return DecodingOptions()


def _read(value: Any, about: Field) -> Any:
    if about.type is list:
        return [str(item) for item in value or []]
    if about.type is bool:
        return bool(value)
    return _number(value, about.name) if about.type is float else str(value or "")


def _number(value: Any, name: str) -> float:
    try:
        number = float(value or 0)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        what = name.replace("_", " ").capitalize()
        raise UserError(f"{what} is {str(value)[:40]!r}: give a number.")
    return number


def mount_page(app: FastAPI, models: Models, shelf: Shelf, examples: Sequence[bytes]) -> None:
    """Puts the page at the application's root."""
    blocks = make_blocks(models, shelf, examples)
    blocks.queue(max_size=MOST_VISITORS, default_concurrency_limit=1, api_open=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gr.mount_gradio_app(
            app,
            blocks,
            path="/",
            footer_links=[],
            run_history=False,
            max_file_size=LARGEST_FILE,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            theme=_theme(),
            css=_part("page.css"),
            head=f"<script>{_part('page.js')}</script>",
        )


def make_blocks(models: Models, shelf: Shelf, examples: Sequence[bytes] = ()) -> gr.Blocks:
    """The page's layout and what its controls do."""
    with gr.Blocks(title="Attend to You", analytics_enabled=False) as blocks:
        gr.HTML(_part("head.html"), elem_id="head")
        with gr.Row(elem_id="main"):
            with gr.Column(scale=4, min_width=300, elem_id="form"):
                controls = _controls(models, shelf, examples)
            with gr.Column(scale=7, min_width=300, elem_id="answers"):
                answers = gr.HTML(empty(), elem_id="answer", apply_default_css=False)
        with gr.Accordion("For programs: the same as JSON", open=False, elem_id="programs"):
            gr.HTML(_programs(models), js_on_load=_part("programs.js"))
        _connect(blocks, controls, answers, models, shelf)
    return blocks


def _controls(models: Models, shelf: Shelf, examples: Sequence[bytes]) -> dict[str, Any]:
    """The form, from the picture to the button."""
    names, users = list(models.runs), models.users
    kinds = [*([USER] if users else []), OWN, NONE]
    knows = any(run.knows_users for run in models.runs.values())
    # What was computed comes from the browser, together with the words that were edited there.
    computed = gr.Textbox("", visible="hidden", show_label=False, container=False)
    found: dict[str, Any] = {"picture": gr.State(""), "computed": computed}
    found["drop"] = gr.HTML(
        html_template=_drop(shelf, examples), js_on_load=_part("drop.js"), elem_id="drop"
    )
    with gr.Column(visible=knows, elem_classes="part"):
        gr.HTML("<h2>Whose style</h2>")
        found["style"] = gr.Radio(
            kinds, value=kinds[0], show_label=False, label="Whose style", container=False
        )
        found["users"] = gr.Dropdown(
            users[:LISTED_USERS],
            value=users[:1],
            multiselect=True,
            allow_custom_value=len(users) > LISTED_USERS,
            label="Users of the data set, several side by side",
            visible=kinds[0] == USER,
        )
        with gr.Column(visible=kinds[0] == OWN) as found["own"]:
            found["account"] = gr.Textbox("you", label="Account name", max_length=40)
            found["posts"] = gr.Textbox(
                label="Earlier posts, one per line", lines=5, max_length=LONGEST_TEXT
            )
        found["words"] = gr.Textbox(
            label="Words the model reads of this person", lines=2, elem_id="words"
        )
    with gr.Column(elem_classes="part"):
        gr.HTML("<h2>Models</h2>")
        found["runs"] = gr.CheckboxGroup(
            names, value=names, show_label=False, label="Models", container=False
        )
        found["story"] = gr.Checkbox(
            label="and a story from the first hashtag",
            value=models.storyteller is not None,
            visible=models.storyteller is not None,
            container=False,
        )
    with gr.Column(elem_classes="part"):
        gr.HTML("<h2>Search</h2>")
        _search_controls(found)
    found["sentence"] = gr.Textbox(
        label="A sentence of your own, to find in the picture",
        placeholder="a dog runs on the beach",
        max_length=LONGEST_SENTENCE,
        visible=any(not run.why_no_saliency for run in models.runs.values()),
    )
    found["ask"] = gr.Button("Write captions", variant="primary", elem_id="ask")
    return found


def _search_controls(found: dict[str, Any]) -> None:
    found["search"] = gr.Radio(
        [GREEDY, BEAM, SAMPLE], value=GREEDY, show_label=False, label="Search", container=False
    )
    found["beams"] = gr.Slider(2, MOST_BEAMS, value=3, step=1, label="Beams", visible=False)
    with gr.Column(visible=False) as found["sampling"]:
        found["temperature"] = gr.Slider(0.2, 2, value=1, step=0.1, label="Temperature")
        found["top_p"] = gr.Slider(0.1, 1, value=0.9, step=0.05, label="Top p")
        found["seed"] = gr.Number(0, precision=0, minimum=0, maximum=2**31 - 1, label="Seed")


def _connect(
    blocks: gr.Blocks,
    controls: dict[str, Any],
    answers: gr.HTML,
    models: Models,
    shelf: Shelf,
) -> None:
    """What happens when somebody does something."""
    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    controls["style"].change(
        lambda style: (gr.update(visible=style == USER), gr.update(visible=style == OWN)),
        controls["style"],
        [controls["users"], controls["own"]],
        **quiet,
    )
    controls["search"].change(
        lambda search: (gr.update(visible=search == BEAM), gr.update(visible=search == SAMPLE)),
        controls["search"],
        [controls["beams"], controls["sampling"]],
        **quiet,
    )
    inputs = [controls[field.name] for field in fields(Asked)]

    def words(*values: Any) -> tuple[Any, Any]:
        try:
            return words_of(models, Asked.read(values))
        except UserError:  # of a number; the answer will say it
            return gr.skip(), gr.skip()

    about = [controls["words"], controls["computed"]]
    latest = {"trigger_mode": "always_last"} | quiet
    for name in ("style", "users", "posts", "runs"):
        controls[name].change(words, inputs, about, **latest)
    blocks.load(words, inputs, about, **quiet)

    def ask(*values: Any) -> str:
        try:
            return answer(models, shelf, Asked.read(values))
        except UserError as error:
            return notice(str(error))

    shown = {"api_visibility": "private", "concurrency_limit": 1, "concurrency_id": "models"}
    controls["drop"].upload(_taken, None, controls["picture"], **quiet).then(
        ask, inputs, answers, **shown
    )
    controls["ask"].click(ask, inputs, answers, **shown)
    answers.change(None, js="() => showAnswer()", **quiet)


def _taken(event: gr.EventData) -> str:
    """The name on the shelf of the picture that was dropped."""
    return str(event._data["picture"])


def words_of(models: Models, asked: Asked) -> tuple[Any, str]:
    """The words that the first model with users reads, for the field that shows them."""
    known = [name for name in asked.runs if name in models.runs]
    readers = [name for name in known if models.runs[name].knows_users]
    people = asked._chosen()
    if not readers or len(people) > 1:
        return gr.update(value="", visible=False), ""
    try:
        found = models.words(readers[0], people[0])
    except UserError:
        found = []
    text = " ".join(found)
    same = models.readers(readers, people[0], found)
    whose = "the model reads" if same == readers else f"{', '.join(same)} read"
    label = f"Words {whose} of this person ({len(found)}): edit them as you like"
    return gr.update(value=text, label=label, visible=True), text


def answer(models: Models, shelf: Shelf, asked: Asked) -> str:
    """Cards, or one sentence that says what is missing."""
    if not asked.picture:
        return notice("Choose a picture first.")
    if not asked.runs:
        return notice("Choose a model first.")
    try:
        question = Question(
            asked.runs,
            asked.people(models),
            asked.decoding(),
            asked.sentence.strip()[:LONGEST_SENTENCE] or None,
            why=True,
            story=asked.story,
        )
        return answers_html(*models.ask(shelf.get(asked.picture), question))
    except (UploadError, UserError) as error:
        return notice(without_flags(str(error)))
    except Busy:
        return notice(BUSY)


def _drop(shelf: Shelf, examples: Sequence[bytes]) -> str:
    """The picture field, with examples on the shelf for good."""
    shown = [(shelf.put(data, keep=True), open_picture(data).shown) for data in examples]
    buttons = "".join(
        f'<button type="button" class="example" data-picture="{name}" aria-label="example {n}">'
        f'<img alt="" src="{uri}"></button>'
        for n, (name, uri) in enumerate(shown, 1)
    )
    offered = f'<div class="examples" role="group" aria-label="examples">{buttons}</div>'
    limits = f"{NAMES}, {LARGEST_FILE // 10**6} MB at most"
    return (
        _part("drop.html").replace("LIMITS", limits).replace("EXAMPLES", offered if shown else "")
    )


def _programs(models: Models) -> str:
    names = "".join(f"<li><code>{escape(name)}</code></li>" for name in models.runs)
    user = f"-F {shlex.quote(f'user={models.users[0]}')} " if models.users else ""
    return _part("programs.html").replace("USER ", escape(user)).replace("MODELS", names)


def _theme() -> gr.themes.Base:
    """Gradio's plainest theme in system fonts: nothing is loaded."""
    fonts = [gr.themes.Font(name) for name in FONTS]
    return gr.themes.Base(
        font=fonts,
        font_mono=[gr.themes.Font(name) for name in MONO],
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_md,
    )


def _part(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
