"""What the page's controls ask, on runs that never learnt."""

import pytest

from model import encoders
from scripts.web_demo.cards import answers_html
from scripts.web_demo.models import Models, Person, Question, load_models
from scripts.web_demo.page import GREEDY, OWN, USER, Asked, answer, words_of
from scripts.web_demo.uploads import Shelf
from tests.pictured_world import make_run, tiny_network
from utils.errors import UserError


@pytest.fixture(scope="module")
def models(pictured_world, tmp_path_factory) -> Models:
    """Two runs that never learnt and know other words of a person, a caption and a hashtag one."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoders, "build_network", tiny_network)
        for task in ("caption", "hashtag"):
            make_run(pictured_world, folder / task, task=task)
        yield load_models([folder / "caption", folder / "hashtag"])


DEFAULTS = {
    "picture": "",
    "runs": ["caption", "hashtag"],
    "style": USER,
    "users": ["ann"],
    "account": "you",
    "posts": "",
    "words": "",
    "computed": "",
    "search": GREEDY,
    "beams": 3,
    "temperature": 1,
    "top_p": 0.9,
    "seed": 0,
    "sentence": "",
    "story": False,
}


def asked(**values: object) -> Asked:
    return Asked.read(list((DEFAULTS | values).values()))


def test_edited_words_are_for_the_models_whose_words_were_shown(models):
    field, computed = words_of(models, asked())
    assert computed == " ".join(models.runs["caption"].context_words(user="ann"))
    assert field["label"].startswith("Words caption read of this person")
    [person] = asked(words="boat", computed=computed).people(models)
    assert models.words("caption", person) == ["boat"]
    assert models.words("hashtag", person) == models.runs["hashtag"].context_words(user="ann") != []
    assert asked(words=computed, computed=computed).people(models) == [Person("ann", user="ann")]


def test_another_persons_words_are_not_taken_for_edited_ones(models):
    _, anns = words_of(models, asked())
    _, bens = words_of(models, asked(users=["ben"]))
    assert anns != bens
    for words in (anns, "boat"):  # the field still shows them when ben is asked for
        [person] = asked(users=["ben"], words=words, computed=anns).people(models)
        assert " ".join(models.words("caption", person)) == bens


class Teller:
    """Knows one hashtag."""

    def __init__(self, known: str):
        self.known = known

    def tell(self, hashtag: str) -> str:
        """The story."""
        if hashtag != self.known:
            raise UserError(f"no story: #{hashtag}")
        return f"<b>{hashtag}</b> and so on"


def test_a_story_is_told_of_the_first_hashtag_alone(models, pictured_world):
    photo = sorted((pictured_world / "images").iterdir())[0].read_bytes()
    [caption] = models.runs["hashtag"].caption([photo])
    first = caption.words[0]
    question = Question(["hashtag"], story=True)
    picture, [answer] = Models(models.runs, Teller(first)).ask(photo, question)
    assert answer.story == f"<b>{first}</b> and so on" and answer.problem is None
    html = answers_html(picture, [answer])
    assert "A story from the first hashtag" in html and f"&lt;b&gt;{first}&lt;/b&gt;" in html
    [answer] = Models(models.runs, Teller("")).ask(photo, question)[1]
    assert (answer.story, answer.problem) == (None, f"no story: #{first}") and answer.caption
    [answer] = models.ask(photo, question)[1]
    assert (answer.story, answer.problem) == (None, None)


@pytest.mark.parametrize("value", ["abc", "nan", [1]])
def test_what_is_no_number_is_said(value):
    with pytest.raises(UserError, match=r"^Seed is .*: give a number\.$"):
        asked(seed=value)


@pytest.mark.slow
def test_own_posts_become_words_of_each_model(models, pictured_world):
    shelf = Shelf()
    photo = sorted((pictured_world / "images").iterdir())[0].read_bytes()
    own = {"style": OWN, "posts": "a lake and a hill", "account": "me"}
    html = answer(models, shelf, asked(picture=shelf.put(photo), **own))
    assert html.count('class="card"') == 2 and "<bdi>me</bdi>" in html
    assert "<li" in html and "<bdi>hill</bdi>" in html
