"""From text files to a corpus on disk, and its windows."""

import dataclasses
import json

import numpy as np
import pytest

from data_loader.corpus import CorpusOptions, build_corpus, open_corpus
from data_loader.text_files import Story, read_stories, split_stories
from data_loader.vocabulary import EOS
from data_loader.windows import open_windows
from utils.errors import UserError


def write(folder, **texts):
    for name, text in texts.items():
        path = folder / f"{name}.txt".replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def names(stories):
    return [story.name for story in stories]


def test_a_folder_is_read_at_any_depth_and_broken_files_are_named(tmp_path):
    folder = write(
        tmp_path,
        b="second",
        a__deep="first",
        utf16="text".encode("utf-16"),
        latin="caf\xe9".encode("latin-1"),
        binary=b"ab\0cd",
        blank=" \n",
        mark=b"\xef\xbb\xbfwith a mark",
    )
    (folder / "notes.md").write_text("not read")
    (folder / ".hidden.txt").write_text("not read")
    stories, skipped = read_stories(folder, "raw")
    assert names(stories) == ["a/deep.txt", "b.txt", "mark.txt"]
    assert stories[2].text == "with a mark"
    assert skipped == {
        "utf16.txt": "not UTF-8",
        "latin.txt": "not UTF-8",
        "binary.txt": "binary (it has zero bytes)",
        "blank.txt": "empty",
    }


def test_of_personabank_the_stories_alone_are_read(tmp_path):
    folder = write(tmp_path, original__one="One day.", original__two="Two days.", SIG__one="x")
    (folder / "personaBank.csv").write_text("UniqueId,Suffix,FileName,polarity\n1,a,one,positive\n")
    stories, skipped = read_stories(folder, "cleaned")
    assert [story.text for story in stories] == ["one day ", "two days "] and not skipped


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "none", "there is no text file and no folder"),
        (lambda folder: folder, "has no .txt files"),
        (
            lambda folder: write(folder, a=b"\0", b=b"\xff"),
            r"a\.txt has no text \(nor have 1 other files\): binary",
        ),
    ],
)
def test_input_without_text_is_one_line(tmp_path, make, message):
    with pytest.raises(UserError, match=message):
        read_stories(make(tmp_path), "raw")


def test_stories_are_dealt_whole_each_once_and_the_same_way_again():
    stories = [Story(f"s{n}", "text") for n in range(40)]
    dealt = split_stories(stories, 0.05, 0.1, seed=3)
    assert [len(dealt[name]) for name in ("train", "val", "test")] == [34, 2, 4]
    assert sorted(name for part in dealt.values() for name in names(part)) == sorted(names(stories))
    assert dealt == split_stories(stories, 0.05, 0.1, seed=3)
    assert dealt != split_stories(stories, 0.05, 0.1, seed=4)


def test_few_stories_still_validate_and_test():
    dealt = split_stories([Story(f"s{n}", "text") for n in range(4)], 0.05, 0.05, seed=0)
    assert {name: len(part) for name, part in dealt.items()} == {"train": 2, "val": 1, "test": 1}


def test_a_single_text_is_cut_and_nothing_is_lost():
    text = "".join(map(str, range(100)))
    parts = split_stories([Story("one", text)], 0.1, 0.2, seed=0)
    assert "".join(parts[name][0].text for name in ("train", "val", "test")) == text
    assert [len(part[0].text) for part in parts.values()] == [133, 19, 38]


@pytest.fixture
def corpus(tmp_path):
    texts = {f"s{n}": "abc" * n + "\n" for n in range(1, 21)}
    write(tmp_path / "in", **texts)
    return build_corpus(CorpusOptions(tmp_path / "in", tmp_path / "out"))


def test_stories_lie_behind_one_another_each_with_its_end(corpus):
    text = corpus.subsets["train"]
    assert text.ids.dtype == np.uint8 and len(text.starts) == 19
    stories = [text.story(row) for row in range(18)]
    assert all(ids[-1] == EOS and EOS not in ids[:-1] for ids in stories)
    told = [corpus.vocabulary.decode(ids.tolist()) for ids in stories]
    assert told == ["abc" * int(name[1:-4]) + "\n" for name in text.columns.texts("name")]
    assert corpus.description["subsets"]["train"]["stories"] == 18


def test_characters_of_other_subsets_are_unknown(tmp_path):
    (tmp_path / "one.txt").write_text("ab" * 40 + "zz" + "ab" * 9)
    options = CorpusOptions(tmp_path / "one.txt", tmp_path / "out", val_share=0.1, test_share=0.1)
    corpus = build_corpus(options)
    assert sorted(corpus.vocabulary.characters) == ["a", "b"]
    unknown = {name: part["unknown"] for name, part in corpus.description["subsets"].items()}
    assert unknown == {"train": 0, "val": 2, "test": 0}


def test_a_corpus_is_never_written_over_by_chance(corpus, tmp_path):
    options = CorpusOptions(tmp_path / "in", tmp_path / "out")
    with pytest.raises(UserError, match="add --overwrite"):
        build_corpus(options)
    build_corpus(dataclasses.replace(options, overwrite=True))
    with pytest.raises(UserError, match="no corpus and is not replaced"):
        build_corpus(dataclasses.replace(options, out=tmp_path / "in", overwrite=True))
    assert (tmp_path / "in/s3.txt").exists()


def test_damage_is_named(corpus):
    path = corpus.folder / "train/ids.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\x09")
    with pytest.raises(UserError, match=r"ids\.npy is damaged.*build_corpus"):
        open_corpus(corpus.folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "characters.json").write_text("{}"), "was changed"),
        (lambda folder: (folder / "corpus.json").write_text("{"), "cannot read"),
        (lambda folder: (folder / "corpus.json").write_text('{"format": 9}'), "another format"),
        (lambda folder: (folder / "corpus.json").unlink(), "no corpus at .*build_corpus --input"),
    ],
)
def test_what_is_no_corpus_is_one_line(corpus, change, message):
    change(corpus.folder)
    with pytest.raises(UserError, match=message) as error:
        open_corpus(corpus.folder)
    assert "\n" not in str(error.value)


def test_an_epoch_sees_every_character_and_depends_on_seed_and_epoch_alone(corpus):
    windows = open_windows(corpus, "train", 7, least=1)
    ids = windows.subset.ids
    assert len(windows) == -(-len(ids) // 7)
    orders = {(s, e): windows.order(s, e).tolist() for s in range(2) for e in range(3)}
    assert len({tuple(order) for order in orders.values()}) == 6
    assert orders == {(s, e): windows.order(s, e).tolist() for s, e in orders}
    places = (np.array(orders[1, 2])[:, None] + np.arange(7)) % len(ids)
    assert set(places.ravel()) == set(range(len(ids)))
    batch = windows.gather(np.array(orders[1, 2]))
    np.testing.assert_array_equal(batch["caption"], ids[places])
    assert (batch["caption_length"] == 7).all()


def test_an_epoch_goes_through_a_short_text_until_it_has_its_windows(corpus):
    once = len(open_windows(corpus, "train", 7))
    windows = open_windows(corpus, "train", 7, least=3 * once - 2)
    order = windows.order(0, 0)
    assert len(windows) == len(order) == 3 * once - 2
    places = (order[:, None] + np.arange(7)) % len(windows.subset)
    assert np.bincount(places.ravel(), minlength=len(windows.subset)).min() >= 2


def test_an_evaluation_counts_every_character_once(corpus):
    windows = open_windows(corpus, "test", 7)
    batch, ids = windows.gather(windows.rows), windows.subset.ids
    assert len(ids) % 7  # the last window is shorter
    assert (batch["caption_length"][:-1] == 7).all()
    last = len(ids) % 7 - 1  # and its EOS comes from teacher forcing
    assert batch["caption_length"][-1] == last
    joined = [*batch["caption"][:-1].ravel(), *batch["caption"][-1, :last], EOS]
    np.testing.assert_array_equal(joined, ids)


def test_identity_tells_texts_apart(corpus):
    train, test = (open_windows(corpus, name, 7) for name in ("train", "test"))
    assert train.identity() == open_windows(corpus, "train", 9).identity() != test.identity()


def test_the_description_can_be_read(corpus):
    about = json.loads((corpus.folder / "corpus.json").read_text())
    assert about["settings"]["form"] == "raw" and about["different_characters"] == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"val_share": 0.6, "test_share": 0.4}, "leave nothing to train on"),
        ({"val_share": -0.1}, "--val_share is -0.1"),
        ({"min_count": 0}, "--min_count is 0"),
        ({"min_count": 10000}, "lower --min_count"),
    ],
)
def test_impossible_options_name_the_flag(tmp_path, changes, message):
    write(tmp_path / "in", a="some text", b="more text", c="a third")
    with pytest.raises(UserError, match=message):
        build_corpus(CorpusOptions(tmp_path / "in", tmp_path / "out", **changes))
    assert not (tmp_path / "out").exists()
