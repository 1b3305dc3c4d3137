"""MSR-VTT and folders of one's own: clips or pictures with several captions each."""

import json
from collections import Counter

import pytest

from data_loader.sources import folder as own
from data_loader.sources import msrvtt
from tests.data_loader.listed_sets import build, parse_all, sizes, write_folder, write_msrvtt
from utils.errors import UserError


@pytest.mark.parametrize("inside", ["", "MSR-VTT", "MSR_VTT"])
def test_rows_of_msrvtt(tmp_path, inside):
    (tmp_path / "m").mkdir()
    write_msrvtt(tmp_path / "m" / inside)
    view = build("msrvtt", tmp_path / "m", tmp_path)
    assert view.folder.name == "caption-shipped-none"
    assert sizes(view) == {"train": 12, "val": 2, "test": 3}
    train, test = view.subsets["train"], view.subsets["test"]
    prefix = f"{inside}/" if inside else ""
    assert train.text("post_id", 1) == "video0#1" and train.image_row[:4].tolist() == [0, 0, 0, 1]
    assert view.image_names[0] == f"{prefix}TrainValVideo/video0.mp4"
    assert view.describe(test, 2) == {
        "id": "msrvtt/video8",
        "user": "msrvtt",
        "image": f"{prefix}TestVideo/video8.mp4",
        "references": [f"a man {which} drives car 8" for which in range(3)],
    }


def test_entries_of_msrvtt_that_cannot_be_used_are_counted(tmp_path):
    videos = [
        {"video_id": "video8", "split": "train"},  # is in the test file, too
        {"video_id": "a", "split": "elsewhere"},
        {"split": "train"},
        "video",
        {"video_id": ["b"], "split": "train"},
        {"video_id": "c", "split": "train"},
        {"video_id": "../d", "split": "train"},
    ]
    sentences = [
        {"video_id": "a", "caption": "whose"},
        {"caption": "whose"},
        7,
        {"video_id": "video0", "caption": "  "},
        {"video_id": "../d", "caption": "outside"},
    ]
    write_msrvtt(tmp_path / "m", videos=videos, sentences=sentences)
    posts, problems = parse_all(msrvtt, tmp_path / "m")
    assert problems.counts == {
        "video is listed twice": 1,
        "not a video": 4,
        "not a sentence": 2,
        "sentence of a video that is not listed": 1,
        "caption without words": 1,
        "video without captions": 1,
        "image is not a file name inside the images folder": 1,
    }
    assert problems.examples["video without captions"] == ["video c"]
    assert [post.subset for post in posts if post.post == "video8"] == ["test"]
    assert Counter(post.subset for post in posts) == {"train": 12, "val": 2, "test": 3}


def test_files_of_msrvtt_that_cannot_be_read(tmp_path):
    write_msrvtt(tmp_path / "m")
    path = tmp_path / "m" / "test_videodatainfo.json"
    path.write_text('{"videos": []}')
    with pytest.raises(UserError, match="has no list 'sentences': is it a file of MSR-VTT"):
        parse_all(msrvtt, tmp_path / "m")
    path.write_text("{")
    with pytest.raises(UserError, match=r"cannot read .*test_videodatainfo\.json"):
        parse_all(msrvtt, tmp_path / "m")
    path.unlink()
    with pytest.raises(UserError, match=r"no .*/test_videodatainfo\.json: --input must be the"):
        parse_all(msrvtt, tmp_path / "m")


LINES = [
    ["b.jpg", "A red ball.", "train"],
    ["b.jpg", "A ball!", "train"],
    ["sub/a.jpg", "A blue cup.", "val"],
    ["c.jpg", "Two cups", "test"],
    ["c.jpg", "Cups, two", ""],
    ["d.jpg", "One more ball", "training"],
]


@pytest.mark.parametrize("name", ["captions.tsv", "captions.jsonl"])
def test_rows_of_a_folder(tmp_path, name):
    view = build("folder", write_folder(tmp_path / "f", LINES, name), tmp_path)
    assert view.folder.name == "caption-shipped-none"
    assert sizes(view) == {"train": 3, "val": 1, "test": 1}
    described = view.describe(view.subsets["test"], 0)
    assert described["image"] == "c.jpg" and described["id"] == "folder/c.jpg"
    assert described["references"] == ["two cups", "cups two"]
    assert view.subsets["train"].text("post_id", 1) == "b.jpg#1"


def test_columns_may_be_named_and_lines_end_as_anywhere(tmp_path):
    write_folder(tmp_path / "f", LINES)
    text = (tmp_path / "f/captions.tsv").read_text().replace("\n", "\r\n\r\n")
    named = "\ufefffile\tcaption\tsplit\r\n" + text
    (tmp_path / "f/captions.tsv").write_bytes(named.encode())
    posts, problems = parse_all(own, tmp_path / "f")
    assert len(posts) == 5 and not problems.counts


def test_a_folder_is_divided_by_files(tmp_path):
    lines = [[f"{n}.png", f"caption {which} of {n}"] for n in range(20) for which in range(3)]
    folder = write_folder(tmp_path / "f", lines)
    options = {"split": "posts", "train_share": 0.7, "test_posts": 4}
    view = build("folder", folder, tmp_path, **options)
    assert view.folder.name == "caption-posts-none"
    assert sizes(view) == {"train": 14 * 3, "val": 2, "test": 4}
    images = [set(subset.image_row.tolist()) for subset in view.subsets.values()]
    assert not set.intersection(*images[:2]) and len(set.union(*images)) == 20
    assert len(view.describe(view.subsets["test"], 1)["references"]) == 3
    other = build("folder", folder, tmp_path, out=tmp_path / "other", seed=1, **options)
    names = [
        {v.image_names[row] for row in v.subsets["test"].image_row.tolist()} for v in (view, other)
    ]
    assert names[0] != names[1]


def test_what_does_nothing_with_a_folder_is_refused(tmp_path):
    folder = write_folder(tmp_path / "f", LINES)
    with pytest.raises(UserError, match="--test_posts does nothing with --source folder"):
        build("folder", folder, tmp_path, test_posts=7)
    with pytest.raises(UserError, match="--source folder has captions only"):
        build("folder", folder, tmp_path, task="hashtag")
    for source, split in (("msrvtt", "posts"), ("msrvtt", "users"), ("folder", "users")):
        with pytest.raises(UserError, match=f"--split does nothing with --source {source}"):
            build(source, folder, tmp_path, split=split)


def test_lines_of_a_folder_that_cannot_be_used_are_counted(tmp_path):
    lines = [
        *LINES,
        ["no caption"],
        ["e.jpg", "a", "train", "b"],
        ["../f.jpg", "outside"],
        ["g.jpg", "a caption", "exam"],
        ["c.jpg", "of two subsets", "train"],
        ["./d.jpg", "the same file"],
        ["", "no file"],
        ["h.jpg", "...", "train"],
        ["i.jpg", "   ", "train"],
        ["later.jpg", "comes later", "train"],
    ]
    folder = write_folder(tmp_path / "f", [line for line in lines if line[0]], absent=["later.jpg"])
    with open(folder / "captions.tsv", "a") as file:
        file.write("\tno file\n")
    posts, problems = parse_all(own, folder)
    assert problems.counts == {
        "line is not FILE, a tab, a caption": 2,
        "image is not a file name inside the images folder": 1,
        "no image (--images_list lends one)": 1,
        "subset is not train, val or test": 1,
        "file in two subsets": 1,
        "file without a subset": 1,
        "file is not in the folder (its captions stay)": 1,
        "caption without words": 1,
        "file without captions": 1,
    }
    assert [post.subset for post in posts if post.post == "c.jpg"] == ["test"]
    assert sum(post.image == "d.jpg" for post in posts) == 2
    view = build("folder", folder, tmp_path)
    assert "later.jpg" in view.image_names and "h.jpg" not in view.image_names


def test_broken_objects_are_counted(tmp_path):
    folder = write_folder(tmp_path / "f", LINES, "captions.jsonl")
    with open(folder / "captions.jsonl", "a") as file:
        file.write('{\n[]\n{"file": "b.jpg"}\n{"file": 3, "caption": "x"}\n')
        file.write(json.dumps({"file": "b.jpg", "caption": "x", "split": ["train"]}))
    posts, problems = parse_all(own, folder)
    assert problems.counts == {"line is not an object with file and caption": 5} and len(posts) == 5


def test_folders_that_cannot_be_read(tmp_path):
    folder = write_folder(tmp_path / "f", LINES)
    (folder / "captions.jsonl").touch()
    with pytest.raises(UserError, match=r"has both captions\.tsv and captions\.jsonl"):
        parse_all(own, folder)
    with pytest.raises(UserError, match=r"has no captions\.tsv or captions\.jsonl: --input must"):
        parse_all(own, tmp_path)
    (folder / "captions.jsonl").unlink()
    for unsaid, lines in {
        "train": [["a.jpg", "a cup"]],
        "val": [["a.jpg", "a cup", "train"], ["b.jpg", "a cup", "test"]],
    }.items():
        write_folder(folder, lines)
        with pytest.raises(UserError, match=f"says {unsaid} of no file: say train, val or test"):
            parse_all(own, folder)
    write_folder(folder, [["x.jpg", "a cup"]], absent=["x.jpg"])
    with pytest.raises(UserError, match=r"none of the 1 files of .*captions\.tsv is in"):
        parse_all(own, folder)
