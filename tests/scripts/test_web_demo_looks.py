"""Where models with cells look, as the page asks and draws it; on runs that never learnt."""

import dataclasses
import shutil
from html import escape

import pytest

from attend_to_you import Saliency
from model import encoders
from scripts.web_demo.cards import answers_html, veil_uri
from scripts.web_demo.models import Models, Person, Question, load_models
from tests.pictured_world import MODEL, extract, make_run, tiny_network

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def models(pictured_world, tmp_path_factory) -> Models:
    """A run with a memory of cells and of the user's words."""
    folder = tmp_path_factory.mktemp("cells")
    shutil.copytree(pictured_world, folder, dirs_exist_ok=True)
    extract(folder, "res5c")
    model = dataclasses.replace(MODEL, image_memory="res5c")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoders, "build_network", tiny_network)
        make_run(folder, folder / "cells", model=model, preset="csmn-r5c")
        yield load_models([folder / "cells"])


@pytest.fixture(scope="module")
def photo(pictured_world) -> bytes:
    return sorted((pictured_world / "images").iterdir())[0].read_bytes()


def ask(models, photo, user, **more):
    question = Question(["cells"], [Person(user, user=user)], why=True, **more)
    picture, [answer] = models.ask(photo, question)
    return answer, answers_html(picture, [answer])


def test_a_veil_is_drawn_for_each_word(models, photo):
    answer, html = ask(models, photo, "ann")
    looked = answer.looked
    assert looked.words and looked.image.shape == (len(looked.words), 7, 7)
    veils = [veil_uri(cells, looked.window, answer.caption.size) for cells in looked.image]
    assert html.count("data-veil=") == len(veils)
    assert all(f'data-veil="{veil}"' in html for veil in veils)


def test_an_own_sentence_is_found_for_a_person_in_what_was_shown(models, photo):
    found = {}
    for user in ("ann", "ben"):
        answer, html = ask(models, photo, user, sentence="boat giraffe hill")
        assert isinstance(answer.looked, Saliency) and answer.caption.user_words
        assert (answer.looked.words, answer.looked.unknown) == (["boat", "hill"], ["giraffe"])
        assert "Not known to it: giraffe." in html and html.count("data-veil=") == 2
        found[user] = answer.looked.values
    assert abs(found["ann"] - found["ben"]).max() > 1e-7
    unknown, html = ask(models, photo, "ann", sentence="giraffe")
    assert unknown.looked is None and unknown.caption and escape(unknown.problem) in html
