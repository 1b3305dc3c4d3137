"""The trained models behind the page: loaded once, asked by one visitor at a time."""

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attend_to_you import Attention, Caption, Run, Saliency, load_run
from configuration import Config, DecodingOptions
from scripts.web_demo.uploads import Upload, open_picture
from utils.errors import UserError
from utils.run_folder import RunFolder

if TYPE_CHECKING:
    from scripts.web_demo.stories import Storyteller

WARM_SIDE = 64  # pixels of the picture of the first, unseen question
WARM_SEARCHES = ({}, {"beam_size": 3}, {"sample": True}, {"sample": True, "top_p": 0.9})
MOST_WAITING = 16
MOST_ANSWERS = 48  # of one question, which all others wait for
FLAG = re.compile(r"(?<!\S)--([a-z])")
PATIENCE = 60  # seconds that a program waits for its turn


@dataclass(frozen=True)
class Person:
    """In whose style a caption is written: nobody's, unless one of the three says whose.

    Attributes:
        name: of the account on the card.
        user: of the data set.
        posts: earlier ones, one per line.
        words: of the user memory, best first.
        edited: words that stand for the person's own, for the models of `editors` alone.
        editors: names of models.
    """

    name: str
    user: str | None = None
    posts: str | None = None
    words: tuple[str, ...] | None = None
    edited: tuple[str, ...] = ()
    editors: tuple[str, ...] = ()

    def given(self, model: str) -> dict[str, Any]:
        """The arguments of `Run.caption` that say to a model who writes."""
        if model in self.editors:
            return {"words": self.edited}
        return {n: v for n in ("user", "posts", "words") if (v := getattr(self, n)) is not None}


NOBODY = Person("nobody")
ANYBODY = Person("anybody")  # of models that know no user


@dataclass(frozen=True)
class Question:
    """What a visitor or a program wants to know of a picture.

    Attributes:
        runs: names of the models, side by side.
        people: in whose styles.
        search: see `configuration.DecodingOptions`.
        sentence: to be found in the picture instead of a caption, by the models that can.
        why: whether attention is wanted.
        story: whether a story about the first hashtag is.
    """

    runs: Sequence[str]
    people: Sequence[Person] = (NOBODY,)
    search: DecodingOptions = field(default_factory=DecodingOptions)
    sentence: str | None = None
    why: bool = False
    story: bool = False


@dataclass(frozen=True)
class Answer:
    """What one model says as one person would, or why it says nothing.

    Attributes:
        run: name of the model.
        person: whose style.
        task: caption or hashtag.
        caption: None where there is none.
        looked: what it looked at, where it was asked for and the model can say it.
        story: text about the first hashtag.
        model: what it is, for people.
        problem: a sentence about what is missing.
    """

    run: str
    person: Person
    task: str
    caption: Caption | None = None
    looked: Attention | Saliency | None = None
    story: str | None = None
    problem: str | None = None
    model: str = ""


class Busy(Exception):
    """Too many wait already, or it took too long."""


class Models:
    """All models of the page.

    Args:
        runs: captioners, by name.
        storyteller: a model of stories, if there is one.
    """

    def __init__(self, runs: dict[str, Run], storyteller: "Storyteller | None" = None):
        self.runs, self.storyteller = runs, storyteller
        self._turn = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)

    @property
    def users(self) -> list[str]:
        """Users of all models' data sets, each once."""
        return list(dict.fromkeys(user for run in self.runs.values() for user in run.users))

    def warm_up(self) -> None:
        """Asks everything once, so that no visitor waits for what is compiled."""
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")  # it warns of many functions; there are many questions
        grey = np.full([WARM_SIDE, WARM_SIDE, 3], 128, np.uint8)
        for run in self.runs.values():
            for search in WARM_SEARCHES:
                [caption] = run.caption([grey], **(search if run.config.model.word_query else {}))
            with suppress(UserError):  # of grey, a model may have nothing to say
                look(run, grey, caption)
        if self.storyteller:
            self.storyteller.warm_up()

    def ask(self, data: bytes, question: Question) -> tuple[Upload, list[Answer]]:
        """Every model for every person; one that knows no user answers once.

        Args:
            data: a picture file of anybody's; decoded only once there is room to wait.
            question: models and people that are named twice answer once.

        Raises:
            UserError: a search that cannot be, no such model, or more than `MOST_ANSWERS`.
            UploadError: the picture is refused.
            Busy: see there.
        """
        question.search.check()
        for name in question.runs:
            if name not in self.runs:
                raise UserError(f"there is no model {name!r}; there are {', '.join(self.runs)}")
        pairs = self._pairs(question)
        with self.place():
            picture = open_picture(data)
            with self._my_turn():
                return picture, [self._answer(picture, question, *pair) for pair in pairs]

    def _pairs(self, question: Question) -> list[tuple[str, Person]]:
        """Who is asked in whose style, persons first, each once."""
        runs, people = dict.fromkeys(question.runs), dict.fromkeys(question.people)
        pairs = [(n, person) for person in people for n in runs if self.runs[n].knows_users]
        pairs += [(n, ANYBODY) for n in runs if not self.runs[n].knows_users]
        if len(pairs) > MOST_ANSWERS:
            raise UserError(
                f"{len(pairs)} answers are asked for, of models and users; {MOST_ANSWERS} at most"
            )
        return pairs

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the places of those who wait or are answered: so many pictures are in memory.

        Raises:
            Busy: all are taken.
        """
        if not self._waiting.acquire(blocking=False):
            raise Busy
        try:
            yield
        finally:
            self._waiting.release()

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=PATIENCE):
            raise Busy
        try:
            yield
        finally:
            self._turn.release()

    def words(self, name: str, person: Person) -> list[str]:
        """The words of a person that a model reads.

        Raises:
            UserError: no such user of its data set.
        """
        return self.runs[name].context_words(**person.given(name))

    def readers(self, names: Iterable[str], person: Person, words: Sequence[str]) -> list[str]:
        """The models that read just these words of a person; others know other words or tasks."""
        found = []
        for name in names:
            with suppress(UserError):
                if self.runs[name].knows_users and self.words(name, person) == list(words):
                    found.append(name)
        return found

    def _answer(self, picture: Upload, question: Question, name: str, person: Person) -> Answer:
        run = self.runs[name]
        if person.user is not None and person.user not in run.users:
            problem = f"{name} was trained on other data, where nobody is called {person.user}."
            return Answer(name, person, run.task, problem=problem)
        try:
            search = _search(run, question.search)
            [caption] = run.caption([picture.pixels], **person.given(name), **search)
        except UserError as error:
            return Answer(name, person, run.task, problem=_plain(error, run, name))
        about = self._look(name, picture.pixels, caption, question)
        story, problem = self._story(run, caption) if question.story else (None, None)
        told = {"story": story, "problem": problem, "model": model_of(run)}
        return Answer(name, person, run.task, caption, **(told | about))

    def _look(self, name: str, pixels: np.ndarray, caption: Caption, question: Question) -> dict:
        """`looked`, or the `problem` of words that cannot be found."""
        run = self.runs[name]
        sentence = None if run.why_no_saliency else question.sentence
        try:
            if not sentence:
                return {"looked": look(run, pixels, caption)} if question.why else {}
            return {"looked": run.saliency(pixels, sentence, skip_unknown=True, caption=caption)}
        except UserError as error:
            return {"problem": _plain(error, run, name)}

    def _story(self, run: Run, caption: Caption) -> tuple[str | None, str | None]:
        """A story about the first hashtag, or why there is none."""
        if self.storyteller is None or run.task != "hashtag" or not caption.words:
            return None, None
        try:
            return self.storyteller.tell(caption.words[0]), None
        except UserError as error:
            return None, str(error)


def look(run: Run, pixels: np.ndarray, caption: Caption) -> Attention | Saliency | None:
    """What a model looked at for each word of its caption, as far as it can say."""
    if run.attends:
        return run.attention(caption)
    if run.why_no_saliency or not caption.words:
        return None
    return run.saliency(pixels, caption=caption)


def _plain(error: UserError, run: Run, name: str) -> str:
    """A message of the command line for people who see a page: without flags and our paths."""
    return without_flags(str(error).replace(str(run.path), name))


def without_flags(message: str) -> str:
    """A message of the command line for who fills in a form: flags are fields there.

    >>> without_flags("--length_penalty ranks beams: give --beam_size with it")
    'length_penalty ranks beams: give beam_size with it'
    """
    return FLAG.sub(r"\1", message)


def model_of(run: Run) -> str:
    """Method, step, and whether the network behind it has never learnt to see."""
    blind = "; its image network never learnt to see" if run.description["random_weights"] else ""
    return f"{run.preset}, step {run.step:,}{blind}"


def _search(run: Run, options: DecodingOptions) -> dict[str, Any]:
    """The arguments of decoding; none for a model that searches no sequence."""
    return options.search() if run.config.model.word_query else {}


def load_models(folders: Iterable[Path]) -> Models:
    """Opens every run, captioners and a model of stories.

    Raises:
        UserError: a folder that is no run or given twice, a method that the page has no place for,
            or none that writes captions.
    """
    folders = list(folders)
    names = names_of(folders)
    runs, storyteller = {}, None
    for name, folder in zip(names, folders, strict=True):
        config = Config.from_dict(RunFolder.open(folder).configuration)
        if config.model.reads == "text":
            from scripts.web_demo.stories import Storyteller

            if storyteller:
                raise UserError(f"--runs: {folder} is a second run of stories; the page tells one")
            storyteller = Storyteller(folder)
            continue
        runs[name] = load_run(folder)
        if runs[name].reads == "clip":
            raise UserError(f"--runs: {folder} describes clips, and the page shows pictures")
    if not runs:
        raise UserError("--runs has no model that writes captions or hashtags: add one")
    return Models(runs, storyteller)


def names_of(folders: Sequence[Path]) -> list[str]:
    """Short names that tell run folders apart: as many last parts of their paths as needed.

    Raises:
        UserError: a folder is given twice.

    >>> names_of([Path("a/caption"), Path("b/caption"), Path("a/tags")])
    ['a/caption', 'b/caption', 'tags']
    """
    parts = [folder.resolve().parts for folder in folders]
    if len(set(parts)) < len(parts):
        raise UserError("--runs: a folder is given twice")
    return [_shortest(path, parts) for path in parts]


def _shortest(path: tuple[str, ...], others: Sequence[tuple[str, ...]]) -> str:
    for count in range(1, len(path)):
        if sum(other[-count:] == path[-count:] for other in others) == 1:
            return "/".join(path[-count:])
    return "/".join(path)
