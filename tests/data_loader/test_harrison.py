"""HARRISON: aligned lists, two corrupt images, two splits, and a folder name that nobody learns."""

import numpy as np
import pytest

from data_loader.build import build_view
from data_loader.build_options import BuildOptions
from data_loader.sources import harrison
from data_loader.splits import split_benchmark, split_by_shares
from data_loader.view import open_view
from tests.data_loader.listed_sets import write_harrison, write_lists
from utils.errors import UserError


def build(folder, tmp_path, **options):
    options = {"task": "hashtag", "jobs": 1, "out": tmp_path / "data"} | options
    path, _ = build_view(BuildOptions("harrison", folder, **options), show_progress=False)
    return open_view(options["out"], *path.name.split("-"))


def test_lists_that_are_not_aligned_are_refused(tmp_path):
    write_lists(tmp_path, [f"a/b/image_{n}.jpg" for n in range(7)], ["x"] * 5)
    with pytest.raises(UserError, match=r"data_list\.txt has 7 lines and .*tag_list\.txt 5: line"):
        build(tmp_path, tmp_path)


def test_a_missing_list_is_said_in_words(tmp_path):
    (tmp_path / "data_list.txt").write_text("")
    with pytest.raises(UserError, match=r"no tag_list\.txt in .*data_list\.txt and tag_list\.txt"):
        build(tmp_path, tmp_path)


def test_what_cannot_be_used_is_counted(tmp_path):
    images = ["i/sun/image_1.jpg", "i/sun/image_9.jpg", "", "/i/x.jpg", "i/a/image_9.jpg", "i/b/1"]
    write_lists(tmp_path, images, ["love sun", "sun", "sea", "sea", "", "b  c"])
    (chunk,) = harrison.chunks(tmp_path, "hashtag")
    posts, problems = harrison.parse(chunk, "hashtag")
    assert [(post.post, post.tags) for post in posts] == [
        ("000000", ["love", "sun"]),
        ("000005", ["b", "c"]),
    ]
    assert problems.counts == {
        "image known to be corrupt": 1,
        "no image": 1,
        "image is not a file name inside the images folder": 1,
        "no tags": 1,
    }
    assert problems.examples["image known to be corrupt"] == ["line 2"]


def test_the_benchmark_split(tmp_path):
    view = build(write_harrison(tmp_path / "h"), tmp_path, val_posts=3)
    assert view.folder.name == "hashtag-shipped-none"
    sizes = {name: len(subset) for name, subset in view.subsets.items()}
    assert sizes == {"train": 32, "val": 3, "test": 3}
    corrupt = view.report["unusable_records"]["image known to be corrupt"]
    assert corrupt == {"count": 2, "examples": ["line 9", "line 12"]}
    assert "38 images are few: 3 of them are for test" in view.report["notes"][0]
    assert view.image_names[0].startswith("instagram_dataset/")


def test_sizes_of_the_benchmark():
    split, note = split_benchmark(57_381, 5000, seed=0)  # the full lists without two corrupt images
    assert {name: len(rows) for name, rows in split.items()} == {
        "train": 47_381,
        "val": 5000,
        "test": 5000,
    }
    assert not note and len(np.unique(np.concatenate(list(split.values())))) == 57_381
    other, _ = split_benchmark(57_381, 5000, seed=1)
    assert not np.array_equal(split["test"], other["test"])


def test_the_48_folders(tmp_path):
    view = build(write_harrison(tmp_path / "h"), tmp_path, harrison_split="folders48")
    (step,) = (s for s in view.report["filters"] if s["filter"] == "in the folders sun and family")
    assert step["posts_removed"] == 18 and step["posts_left"] == 20
    assert [len(subset) for subset in view.subsets.values()] == [16, 2, 2]
    names = [view.image_names[row] for subset in view.subsets.values() for row in subset.image_row]
    assert {harrison.folder_of(name) for name in names} == {"dog", "sea"}
    assert view.settings["harrison_split"] == "folders48"


@pytest.mark.parametrize(("posts", "sizes"), [(54_182, (43_345, 5418, 5419)), (3, (1, 1, 1))])
def test_sizes_of_the_48_folders(posts, sizes):
    split = split_by_shares(posts, (0.8, 0.1, 0.1), seed=0)
    assert tuple(len(split[name]) for name in ("train", "val", "test")) == sizes
    assert len(np.unique(np.concatenate(list(split.values())))) == posts


def test_the_whole_lists_in_their_true_size(tmp_path):
    """57,383 images, of them 3,201 in the two folders: 54,182 are divided 43,345/5,418/5,419."""
    folders = ["sun"] * 926 + ["family"] * 2275 + ["dog"] * (57_383 - 926 - 2275)
    images = [f"instagram_dataset/{folder}/image_{n}.jpg" for n, folder in enumerate(folders)]
    images[5], images[1000] = "i/sun/image_9.jpg", "i/family/image_2411.jpg"
    write_lists(tmp_path / "h", images, ["love"] * len(images))
    view = build(tmp_path / "h", tmp_path, harrison_split="folders48")
    sizes = {name: len(subset) for name, subset in view.subsets.items()}
    assert sizes == {"train": 43_345, "val": 5418, "test": 5419}


def test_the_query_is_in_no_column_that_a_model_reads(tmp_path):
    queries = ("zebra", "quartz", "violin", "walrus")
    images = [f"instagram_dataset/{queries[n % 4]}/image_{n}.jpg" for n in range(40)]
    write_lists(tmp_path / "h", images, [f"love tag{n % 3}" for n in range(40)])
    view = build(tmp_path / "h", tmp_path)
    said = {"users": view.users, "words": view.vocabulary.words}
    for name, subset in view.subsets.items():
        said[f"{name} ids"] = subset.columns.texts("post_id")
        said[f"{name} references"] = subset.columns.texts("reference")
        assert subset.context_ids.shape[1] == 0 and not np.unique(subset.user).any()
    assert not [n for n, texts in said.items() if any(q in " ".join(texts) for q in queries)]
    # Nor does the order of the posts tell it: a post's number is that of its line.
    train = view.subsets["train"]
    names = [view.image_names[row] for row in train.image_row]
    lines = [images.index(name) for name in names]
    assert [int(post) for post in train.columns.texts("post_id")] == lines


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": "caption"}, "--source harrison has hashtags only: give --task hashtag"),
        ({"context": "all"}, "--context all takes a user's words, and --source harrison"),
        ({"harrison_split": "folders48", "val_posts": 7}, "--val_posts does nothing"),
        ({"splits": "x"}, "--splits does nothing with --source harrison"),
    ],
)
def test_flags_that_make_no_sense(tmp_path, options, words):
    with pytest.raises(UserError, match=words):
        build(write_harrison(tmp_path / "h"), tmp_path, **options)
