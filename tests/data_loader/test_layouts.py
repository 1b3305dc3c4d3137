"""The samples of docs/data_layouts.md are read as the page says."""

import re

import pytest

from data_loader.sources import ONLY_TASK, SOURCES
from tests.shared_data import REPOSITORY

PAGE = (REPOSITORY / "docs" / "data_layouts.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
KTS = ("train/Nature-Scene/beach/beach.json", "test/person-made/beach/beach.json")
INSTAPIC, YFCC = (
    [f"{prefix}-{subset}.json" for subset in ("train", "test1", "test2")]
    for prefix in ("insta-hashtag", "yfcc-hashtag")
)
COCO = ("captions_train2014.json", "captions_val2014.json")
CLIPS = ("train_val_videodatainfo.json", "test_videodatainfo.json")
# Source, which sample of its section (from 0), the files that it is written to, the first image.
SAMPLES = [
    ("crawl", 0, ["posts.jsonl"], "anna/17.jpg"),
    ("instapic", 0, INSTAPIC, "anna_@_17"),
    ("yfcc", 0, YFCC, "anna_17"),
    ("kts", 1, KTS, "test/person-made/beach/images/17.jpg"),
    ("diya", 0, ["train.json", "val.json", "test.json"], "images/17.jpg"),
    ("diya_crawl", 0, ["any.json"], "17.jpg"),
    ("flickr30k", 0, ["results_20130124.token"], "flickr30k-images/1000092795.jpg"),
    ("coco", 0, ["dataset_coco.json"], "val2014/COCO_val2014_000000000017.jpg"),
    ("coco", 1, COCO, "val2014/COCO_val2014_000000000017.jpg"),
    ("msrvtt", 0, CLIPS, "TestVideo/video17.mp4"),
    ("folder", 0, ["captions.tsv"], "lakes/17.jpg"),
    ("folder", 1, ["captions.jsonl"], "lakes/17.jpg"),
    ("harrison", 0, ["both"], "instagram_dataset/beach/image_17.jpg"),
]


def test_every_source_has_its_layout():
    assert SECTIONS.keys() == SOURCES.keys() == {source for source, *_ in SAMPLES}


def samples(source):
    return re.findall(r"^```\w*\n(.*?)```", SECTIONS[source], re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("source", "number", "files", "image"), SAMPLES)
def test_a_sample_is_read(tmp_path, source, number, files, image):
    text = samples(source)[number].replace("<TAB>", "\t")
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        own = text
        if name == "train_val_videodatainfo.json":
            own = text.replace("video17", "video16")
        if name == "test_videodatainfo.json":
            own = text.replace('"train"', '"test"')
        if source == "folder":  # each subset has a file
            others = (("18", "val"), ("19", "test"))
            own += "".join(text.replace("17", n).replace("train", name) for n, name in others)
        (tmp_path / name).write_text(own, encoding="utf-16" if source == "kts" else "utf-8")
    if source == "harrison":
        path, tags = text.split(maxsplit=1)
        (tmp_path / "data_list.txt").write_text(path + "\n")
        (tmp_path / "tag_list.txt").write_text(tags)
    for name in ("imgs_train.txt", "imgs_val.txt", "imgs_test.txt") * (source == "flickr30k"):
        (tmp_path / name).write_text("1000092795.jpg\n" if name == "imgs_test.txt" else "")
    if source == "folder":
        (tmp_path / "lakes").mkdir()
        for number in (17, 18, 19):
            (tmp_path / f"lakes/{number}.jpg").touch()
    task, importer = ONLY_TASK.get(source, "hashtag"), SOURCES[source]
    more = (None,) * (source == "crawl")  # no list of images
    found = [importer.parse(chunk, task, *more) for chunk in importer.chunks(tmp_path, task)]
    posts = [post for part, _ in found for post in part]
    assert image in {post.image for post in posts}
    assert posts[0].tags if task == "hashtag" else posts[0].texts[0]
    assert not any(problems.counts for _, problems in found)
