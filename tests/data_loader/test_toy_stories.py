import pytest

from data_loader.toy_world.stories import COMPANIONS, make_stories
from utils.errors import UserError


def told(folder):
    return [path.read_text() for path in sorted(folder.iterdir())]


def test_a_story_keeps_to_the_words_of_its_hashtag(tmp_path):
    make_stories(tmp_path / "texts", 40)
    texts = told(tmp_path / "texts")
    assert len(texts) == 40 and len(set(texts)) > 35
    nouns = {words[0] for words in COMPANIONS.values()}
    for number, text in enumerate(texts):
        tag = list(COMPANIONS)[number % len(COMPANIONS)]
        own = COMPANIONS[tag]
        assert text.startswith(tag) and all(f"the {word}" in text.lower() for word in own)
        assert not any(f"the {noun} " in text.lower() for noun in nouns - {own[0]})


def test_the_seed_decides_the_stories(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make_stories(tmp_path / name, 17, seed)
    assert told(tmp_path / "a") == told(tmp_path / "b") != told(tmp_path / "c")


def test_a_folder_in_use_is_refused(tmp_path):
    (tmp_path / "mine").write_text("")
    with pytest.raises(UserError, match="is not empty"):
        make_stories(tmp_path, 3)
