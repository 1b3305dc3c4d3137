"""Flickr30k and COCO: a row per training caption, a row with all captions per other image."""

import dataclasses
import json

import numpy as np
import pytest

import eval
from configuration import PRESETS
from data_loader.feature_writer import write_features
from data_loader.pipeline import open_posts
from data_loader.sources import coco, flickr30k
from tests.data_loader.listed_sets import (
    build,
    parse_all,
    sizes,
    write_coco,
    write_flickr30k,
)
from tests.shared_data import shared
from utils.errors import UserError
from utils.metrics import score_rows
from utils.predictions import read_predictions, write_predictions


def test_rows_of_flickr30k(tmp_path):
    view = build("flickr30k", write_flickr30k(tmp_path / "f"), tmp_path)
    assert view.folder.name == "caption-shipped-none"
    assert sizes(view) == {"train": 30, "val": 2, "test": 3}
    train, test = view.subsets["train"], view.subsets["test"]
    assert train.text("post_id", 1) == "1000#1"
    assert train.references(1) == ["a dog 0 runs fast"]
    assert train.image_row[:6].tolist() == [0, 0, 0, 0, 0, 1]
    assert view.image_names[0] == "flickr30k-images/1000.jpg"
    expected = [f"a dog 10 runs{' fast' * which}" for which in range(5)]
    assert view.describe(test, 2) == {
        "id": "flickr30k/1010",
        "user": "flickr30k",
        "image": "flickr30k-images/1010.jpg",
        "references": expected,
    }
    batch = open_posts(view, "test", "none", user_words=0).gather(np.array([2]))
    assert view.vocabulary.decode(batch["caption"][0]) == ["a", "dog", "_UNK", "runs"]
    assert view.report["statistics"]["posts"] == 35 and view.report["statistics"]["images"] == 11


def test_splits_in_a_folder_of_their_own_and_pictures_where_they_are(tmp_path):
    folder = write_flickr30k(tmp_path / "f")
    (tmp_path / "lists").mkdir()
    for path in folder.glob("imgs_*"):
        path.rename(tmp_path / "lists" / path.name)
    (folder / "images").mkdir()
    with pytest.raises(UserError, match=r"no .*imgs_test\.txt: --input must hold .*--splits"):
        build("flickr30k", folder, tmp_path)
    view = build("flickr30k", folder, tmp_path, splits=tmp_path / "lists")
    assert sizes(view) == {"train": 30, "val": 2, "test": 3}
    assert view.image_names[0] == "images/1000.jpg" and "splits" not in view.settings
    (tmp_path / "lists/imgs_val.txt").write_text("1006.jpg")
    with pytest.raises(UserError, match="input_sha256"):
        build("flickr30k", folder, tmp_path, splits=tmp_path / "lists")


def test_lines_that_cannot_be_used_are_counted(tmp_path):
    extra = [
        "1000.jpg#9 a caption after a blank",
        "1000.jpg\tno number",
        "#3\tno image",
        "1001.jpg#2\tthe same number again",
        "1001.jpg#7\t   ",
        "77.jpg#0\tin none of the lists",
        "",
        "1010.jpg#5\t!!!",
    ]
    folder = write_flickr30k(tmp_path / "f", extra=extra)
    with open(folder / "imgs_train.txt", "a") as file:
        file.write("\n1010.jpg\n88.jpg\n")
    posts, problems = parse_all(flickr30k, folder)
    assert problems.counts == {
        "line is not IMAGE#NUMBER, a tab, a caption": 4,  # a blank caption leaves no tab behind it
        "caption number comes twice": 1,
        "image in none of the lists": 1,
        "image in two places of the lists": 1,
        "image without captions": 1,
    }
    assert problems.examples["caption number comes twice"] == ["line 59"]
    (post,) = (post for post in posts if post.post == "1010")
    assert post.subset == "test" and len(post.references) == 6
    view = build("flickr30k", folder, tmp_path)
    test = view.subsets["test"]
    assert len(test.references(2)) == 5  # `!!!` has no words


def test_the_target_is_the_first_caption_that_has_words(tmp_path):
    folder = write_flickr30k(tmp_path / "f", train=4, val=1, test=1)
    path = folder / "results_20130124.token"
    path.write_text(path.read_text().replace("1005.jpg#0\tA dog 5 runs .", "1005.jpg#0\t..."))
    view = build("flickr30k", folder, tmp_path)
    test = view.subsets["test"]
    assert test.caption_length[0] == 5 and test.references(0)[0] == "a dog 5 runs fast"
    assert len(test.references(0)) == 4


def test_all_references_arrive_in_the_predictions_and_in_the_scores(tmp_path):
    view = build("flickr30k", write_flickr30k(tmp_path / "f"), tmp_path)
    features = np.random.default_rng(0).normal(size=(11, 1, 6)).astype(np.float16)
    write_features(view.folder.parent, "toy-pool5", features)
    config = PRESETS["1nn-im"]
    posts = open_posts(view, "test", user_words=0)
    rows = eval.run_search(dataclasses.replace(config), view, posts)
    write_predictions(tmp_path / "predictions.jsonl", rows)
    rows = read_predictions(tmp_path / "predictions.jsonl")
    assert [len(row["references"]) for row in rows] == [5, 5, 5]
    assert all("\n" not in row["prediction"] and "text" not in row for row in rows)
    exact = [row | {"prediction": row["references"][4]} for row in rows]
    assert score_rows(exact, "caption", "none").corpus["Bleu_4"] == pytest.approx(1)


def test_cocos_own_files(tmp_path):
    folder = write_coco(tmp_path / "c", "train2014", 7)
    with pytest.raises(UserError, match=r"no captions in .*captions_val\*\.json"):
        coco.files(folder, "caption")
    write_coco(folder, "val2014", 5, first=50)
    view = build("coco", folder, tmp_path)
    assert sizes(view) == {"train": 14, "val": 3, "test": 2}
    assert "no test posts were published: 2 of 5" in view.report["notes"][0]
    train = view.subsets["train"]
    assert view.describe(train, 0) == {
        "id": "coco/0#0",
        "user": "coco",
        "image": "train2014/COCO_train2014_000000000000.jpg",
        "references": ["a cat 0 and 0 cups"],
    }
    rows = [view.describe(view.subsets[n], r) for n in ("val", "test") for r in range(2)]
    assert all(len(row["references"]) == 2 for row in rows)
    assert len({row["id"] for row in rows}) == 4
    write_coco(folder, "test2014", 3, first=90)
    other = build("coco", folder, tmp_path, out=tmp_path / "with test")
    assert sizes(other) == {"train": 14, "val": 5, "test": 3} and not other.report["notes"]


def test_broken_entries_of_coco_are_counted(tmp_path):
    folder = write_coco(tmp_path / "c", "val2014", 2, first=50)
    broken = {
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2}, {"id": 3, "file_name": "c.jpg"}, 5],
        "annotations": [
            {"image_id": 1, "caption": "a cat"},
            {"image_id": 1, "caption": None},
            {"image_id": 9, "caption": "whose"},
            {"image_id": 1},
            "text",
        ],
    }
    (folder / "captions_train2014.json").write_text(json.dumps(broken))
    posts, problems = parse_all(coco, folder)
    assert [post.texts for post in posts if post.subset == "train"] == [("a cat",)]
    assert problems.counts == {
        "not an annotation": 2,
        "not an image": 2,
        "caption of an image that is not listed": 1,
        "caption without words": 1,
        "image without captions": 1,
    }
    (folder / "captions_train2014.json").write_text("{}")
    with pytest.raises(UserError, match="has no list 'annotations'"):
        parse_all(coco, folder)
    (folder / "captions_train2014.json").write_text("{")
    with pytest.raises(UserError, match=r"cannot read .*captions_train2014\.json"):
        parse_all(coco, folder)


def test_karpathys_split(tmp_path):
    def image(number, split):
        sentences = [{"raw": f"A cat {number}."}, {"raw": f"One cat {number}!"}]
        names = {"filepath": "val2014", "filename": f"{number}.jpg", "cocoid": number}
        return names | {"split": split, "sentences": sentences}

    splits = ["train", "restval", "val", "test", "test"]
    images = [image(n, split) for n, split in enumerate(splits)]
    images += [image(9, "elsewhere"), {"split": "train"}]
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"images": images}))
    write_coco(tmp_path, "train2014", 3)  # is not looked at
    _, problems = parse_all(coco, tmp_path)
    assert problems.counts == {"not an image of the split file": 2}
    view = build("coco", tmp_path, tmp_path)
    assert sizes(view) == {"train": 4, "val": 1, "test": 2}
    assert view.image_names[0] == "val2014/0.jpg"


@pytest.mark.parametrize("source", ["flickr30k", "coco"])
def test_there_are_captions_only(tmp_path, source):
    with pytest.raises(UserError, match=f"--source {source} has captions only"):
        build(source, tmp_path, tmp_path, task="hashtag")


def test_the_shipped_lists_have_their_known_sizes():
    folder = shared("data/text/flickr30k_splits")
    counts = [len((folder / name).read_text().split()) for name in flickr30k.LISTS.values()]
    assert counts == [1000, 1014, 29_000]
