"""Views: written whole or not at all, opened with checks, and sharing one list of images."""

import dataclasses
import os

import numpy as np
import pytest

from data_loader.columns import open_columns, write_columns
from data_loader.root import append_images, locked_root
from data_loader.view import UNKNOWN_TIME, list_views, open_view, view_name, write_view
from data_loader.vocabulary import Vocabulary
from utils.errors import UserError

WORDS = ["_PAD", "_GO", "_EOS", "_UNK", "sea", "sun"]


def small_subset(rows, seed=0):
    """Columns of `rows` posts with 5 word slots and 7 context slots."""
    random = np.random.default_rng(seed)
    return {
        "caption_ids": random.integers(3, 6, (rows, 5)).astype(np.int32),
        "caption_length": np.full(rows, 5, np.int32),
        "context_ids": random.integers(3, 6, (rows, 7)).astype(np.int32),
        "context_length": np.full(rows, 7, np.int32),
        "user": np.arange(rows, dtype=np.int32) % 2,
        "created_at": np.full(rows, UNKNOWN_TIME),
        "post_id": [f"p{row}" for row in range(rows)],
        "reference": [f"sea {row}" for row in range(rows)],
        "image": [f"{row % 3}.jpg" for row in range(rows)],
    }


def write_small(root, task="caption", context="others", **options):
    subsets = {"train": small_subset(11), "val": small_subset(3, 1), "test": small_subset(4, 2)}
    return write_view(
        root,
        task,
        "users",
        context,
        subsets,
        Vocabulary(WORDS),
        ["anna", "ben"],
        np.arange(6) / 7,
        settings={"max_words": 5, "command": "make it"},
        report={"posts": 18},
        **options,
    )


def test_several_references_of_a_post_are_a_list(tmp_path):
    subset = small_subset(3) | {"reference": ["a sea", "the sun\na sea\nsun", ""]}
    place = (tmp_path, "caption", "shipped", "none")
    write_view(*place, {"test": subset}, Vocabulary(WORDS), ["ann", "ben"], np.ones(6))
    view = open_view(*place)
    said = [view.describe(view.subsets["test"], row)["references"] for row in range(3)]
    assert said == [["a sea"], ["the sun", "a sea", "sun"], [""]]


def test_reads_what_was_written(tmp_path):
    folder = write_small(tmp_path / "data")
    view = open_view(tmp_path / "data")
    assert folder == view.folder == tmp_path / "data/caption-users-others"
    assert {name: len(subset) for name, subset in view.subsets.items()} == {
        "train": 11,
        "val": 3,
        "test": 4,
    }
    assert list(view.subsets) == ["train", "val", "test"]
    expected = small_subset(11)
    train = view.subsets["train"]
    for name in ("caption_ids", "caption_length", "context_ids", "context_length", "user"):
        np.testing.assert_array_equal(getattr(train, name), expected[name])
    assert train.text("post_id", 10) == "p10" and train.text("reference", 2) == "sea 2"
    assert [view.image_names[row] for row in train.image_row] == expected["image"]
    assert view.users == ["anna", "ben"]
    assert view.vocabulary.words == WORDS
    np.testing.assert_array_equal(view.idf, np.arange(6) / 7)
    assert view.settings["max_words"] == 5 and view.settings["split"] == "users"
    assert view.report == {"posts": 18}


def test_a_missing_view_lists_those_that_exist(tmp_path):
    write_small(tmp_path, context="all")
    with pytest.raises(UserError, match=r"views there: caption-users-all.*build_dataset") as error:
        open_view(tmp_path, "hashtag", "posts", "others")
    assert "--task hashtag" in str(error.value) and "--split posts" in str(error.value)
    assert list_views(tmp_path) == ["caption-users-all"]


@pytest.mark.parametrize(
    ("source", "wanted", "words", "absent"),
    [
        ("kts", "caption users others", "take the one of --task caption --split shipped", "build"),
        ("kts", "caption shipped others", "--split shipped --context none", "build"),
        ("kts", "hashtag shipped none", "--source kts --input FOLDER --task hashtag", "crawl"),
        ("harrison", "caption shipped none", "take the one of --task hashtag", "build"),
        (
            "folder",
            "caption posts none",
            "--source folder --input FOLDER --split posts --task caption --context none",
            "users",
        ),
        ("folder", "caption users none", "take the one of --task caption", "build"),
        ("crawl", "hashtag shipped none", "take the one of --task caption", "build"),
        ("crawl", "caption posts others", "--source crawl --input POSTS --split posts", "shipped"),
    ],
)
def test_only_views_that_can_be_are_advised(tmp_path, source, wanted, words, absent):
    task = "hashtag" if source == "harrison" else "caption"
    split, context = ("users", "others") if source == "crawl" else ("shipped", "none")
    subsets, settings = {"test": small_subset(3)}, {"source": source}
    place = (tmp_path, task, split, context)
    write_view(*place, subsets, Vocabulary(WORDS), ["ann", "ben"], np.ones(6), settings)
    with pytest.raises(UserError) as error:
        open_view(tmp_path, *wanted.split())
    advice = str(error.value).split("); ")[1]
    assert words in advice and absent not in advice


def test_a_missing_root_says_how_to_make_one(tmp_path):
    with pytest.raises(UserError, match=r"no data root at .*build_dataset"):
        open_view(tmp_path / "nowhere")


def test_a_view_is_not_replaced_unless_asked(tmp_path):
    write_small(tmp_path)
    with pytest.raises(UserError, match="--overwrite"):
        write_small(tmp_path)
    write_small(tmp_path, overwrite=True)
    assert len(open_view(tmp_path).subsets["train"]) == 11
    assert sorted(os.listdir(tmp_path)) == [".lock", "caption-users-others", "images.txt"]


@pytest.mark.parametrize("there_before", [False, True])
def test_an_interrupted_build_leaves_no_half_view(tmp_path, monkeypatch, there_before):
    if there_before:
        write_small(tmp_path)

    def interrupted(self, path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Vocabulary, "save", interrupted)
        write_small(tmp_path, overwrite=True)
    assert list_views(tmp_path) == (["caption-users-others"] if there_before else [])
    assert not [name for name in os.listdir(tmp_path) if ".tmp-" in name]
    write_small(tmp_path, overwrite=True)
    assert len(open_view(tmp_path).subsets["val"]) == 3


def test_a_failed_rename_keeps_the_view_that_was_there(tmp_path, monkeypatch):
    write_small(tmp_path)

    def fails(path):
        raise OSError("disk gone")

    with monkeypatch.context() as patch, pytest.raises(UserError, match="disk gone"):
        patch.setattr("utils.files.fsync_tree", fails)
        write_small(tmp_path, overwrite=True)
    assert len(open_view(tmp_path).subsets["train"]) == 11


def test_a_changed_vocabulary_is_found(tmp_path):
    folder = write_small(tmp_path)
    lines = (folder / "vocabulary.txt").read_text().replace("sun", "sin")
    (folder / "vocabulary.txt").write_text(lines)
    with pytest.raises(UserError, match=r"vocabulary\.txt.*make it --overwrite"):
        open_view(tmp_path)


def test_a_column_cut_short_names_the_rebuild_command(tmp_path):
    folder = write_small(tmp_path)
    os.truncate(folder / "train" / "caption_ids.npy", 200)
    with pytest.raises(UserError, match=r"train/caption_ids\.npy is damaged.*make it --overwrite"):
        open_view(tmp_path)


def test_a_column_of_another_view_is_found(tmp_path):
    folder = write_small(tmp_path)
    write_columns(folder / "val", {**open_columns_of(folder / "test"), "image_row": np.arange(4)})
    with pytest.raises(UserError, match=r"val/caption_ids\.npy has 4 rows, not 3"):
        open_view(tmp_path)


def open_columns_of(folder):
    columns = open_columns(folder)
    names = (path.stem for path in folder.glob("*.npy") if path.stem.count(".") == 0)
    return {name: np.array(columns[name]) for name in names}


@pytest.mark.parametrize("content", ["", "{", '{"format": 99}'])
def test_a_broken_description_is_said_in_words(tmp_path, content):
    folder = write_small(tmp_path)
    (folder / "view.json").write_text(content)
    with pytest.raises(UserError, match=r"view\.json.*--overwrite"):
        open_view(tmp_path)


def test_images_are_only_ever_appended(tmp_path):
    with locked_root(tmp_path):
        assert append_images(tmp_path, ["b.jpg", "a\u2028.jpg", "b.jpg"]).tolist() == [0, 1, 0]
        assert append_images(tmp_path, ["c.jpg", "a\u2028.jpg"]).tolist() == [2, 1]
    assert (tmp_path / "images.txt").read_text().split("\n") == [
        "b.jpg",
        "a\u2028.jpg",
        "c.jpg",
        "",
    ]


def test_a_shortened_image_list_is_found(tmp_path):
    write_small(tmp_path)
    (tmp_path / "images.txt").write_text("0.jpg\n")
    with pytest.raises(UserError, match=r"images\.txt has 1 lines, expected 3"):
        _ = open_view(tmp_path).image_names


def test_a_changed_image_list_is_found(tmp_path):
    write_small(tmp_path)
    path = tmp_path / "images.txt"
    path.write_text(path.read_text() + "3.jpg\n")  # lines may follow
    assert len(open_view(tmp_path).image_names) == 4
    path.write_text(path.read_text().replace("1.jpg", "7.jpg"))
    with pytest.raises(UserError, match=r"images\.txt is damaged: its first 3 lines.*make it"):
        _ = open_view(tmp_path).image_names


def test_any_wrong_character_of_the_description_is_found(tmp_path):
    path = write_small(tmp_path) / "view.json"
    text = path.read_text()
    for old, new in (('"max_words": 5', '"max_words": 4'), ('"train": 11', '"train": 10')):
        path.write_text(text.replace(old, new))
        with pytest.raises(UserError, match=r"view\.json is damaged.*make it --overwrite"):
            open_view(tmp_path)
    path.write_text(text)
    assert open_view(tmp_path).images[0] == 3


def test_view_names():
    assert view_name("hashtag", "posts", "previous") == "hashtag-posts-previous"


def test_a_post_is_described_as_predictions_name_it(tmp_path):
    view = open_view(write_small(tmp_path / "data").parent)
    assert view.describe(view.subsets["val"], 1) == {
        "id": "ben/p1",
        "user": "ben",
        "image": "1.jpg",
        "references": ["sea 1"],
    }
    assert view.test_subset == "test"
    assert view.tag_counts() == (2, 5.0)


def test_pieces_of_words_are_written_out_as_words_too(tmp_path):
    pytest.importorskip("kiwipiepy")
    write_small(tmp_path)
    plain = open_view(tmp_path)
    words = ["바다/NNG", "에/JKB"]
    assert plain.write_out(words, ["x"]) == {"prediction": "바다/NNG 에/JKB"}
    korean = dataclasses.replace(plain, settings=plain.settings | {"tokenizer": "korean"})
    texts = {"text": "바다에", "reference_texts": ["바다가", "_UNK"]}
    found = korean.write_out(words, ["바다/NNG 가/JKS", "_UNK"])
    assert found == {"prediction": "바다/NNG 에/JKB"} | texts
    tags = dataclasses.replace(korean, settings=korean.settings | {"task": "hashtag"})
    assert tags.write_out(["바다", "바다"], []) == {"prediction": "바다"}
