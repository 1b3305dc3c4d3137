"""What damaged input once broke, or lost in silence: each case failed before it was mended."""

import json
import shutil
import unicodedata

import numpy as np
import pytest

from configuration import Config, find_preset
from data_loader.clips import ClipError, open_clip
from data_loader.posts import Problems, parse_time
from data_loader.sources import SOURCES
from data_loader.tokenizer import tokenize
from data_loader.tokenizer_released import tokenize_released_yfcc
from data_loader.view import open_view
from data_loader.word_vectors import read_word_vectors
from scripts.torture.stored import crawled_view
from scripts.user_study.answers import read_answers
from tests.clips import write_clip
from utils.arrays import load_array
from utils.checkpoint import load, save
from utils.errors import UserError
from utils.run_folder import RunFolder

DEEP = "[" * 100_000


def read(source, folder, **files):
    """Posts and counted problems of an input; names have `_` for the last point."""
    for name, content in files.items():
        path = folder / ".".join(name.rsplit("_", 1))
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
    posts, problems = [], Problems()
    extra = {"crawl": {"images": []}}.get(source, {})
    for chunk in SOURCES[source].chunks(folder, "caption"):
        part, bad = SOURCES[source].parse(chunk, "caption", **extra)
        posts += part
        problems.merge(bad)
    json.dumps(problems.as_dict(), ensure_ascii=False).encode()  # as report.json will
    return posts, dict(problems.counts)


@pytest.mark.parametrize("number", [10**400, -(10**400), 1e300, float("nan")])
def test_times_too_large_for_a_float_are_no_times(number):
    assert parse_time(number) is None


def test_a_key_that_comes_twice_in_a_crawl_is_counted(tmp_path):
    line = '{"user": "u", "post": 1, "image": "a.jpg", "text": "one", "text": "two"}\n'
    posts, problems = read("crawl", tmp_path, posts_jsonl=line)
    assert not posts and problems == {"a key comes twice": 1}


def test_a_user_who_comes_twice_keeps_all_posts(tmp_path):
    twice = '{"u": {"1": {"caption": "a"}}, "u": {"2": {"caption": "b"}, "2": {"caption": "c"}}}'
    names = ("insta-caption-test1_json", "insta-caption-test2_json", "insta-caption-train_json")
    posts, problems = read(
        "instapic", tmp_path, **dict.fromkeys(names[:2], "{}"), **{names[2]: twice}
    )
    assert [post.texts[0] for post in posts] == ["a", "b", "c"] and not problems


def image(**changes):
    good = {"filepath": "v", "filename": "1.jpg", "split": "train", "cocoid": 1}
    return good | {"sentences": [{"raw": "a cat"}, {"raw": "two cats"}]} | changes


@pytest.mark.parametrize("change", [{"cocoid": "\ud800"}, {"cocoid": {}}, {"filename": None}])
def test_odd_ids_and_names_of_coco_are_counted(tmp_path, change):
    posts, problems = read("coco", tmp_path, dataset_coco_json={"images": [image(**change)]})
    assert not posts and problems == {"not an image of the split file": 1}


def test_a_sentence_without_words_costs_no_other(tmp_path):
    images = [image(sentences=[{"raw": "a cat"}, {"tokens": []}, "x"])]
    posts, problems = read("coco", tmp_path, dataset_coco_json={"images": images})
    assert [post.texts for post in posts] == [("a cat",)]
    assert problems == {"caption without words": 2}


@pytest.mark.parametrize("source", ["coco", "msrvtt"])
def test_a_list_that_comes_twice_is_refused(tmp_path, source):
    twice = '{"images": [], "videos": [], "sentences": [], "images": [], "videos": []}'
    names = {"coco": ["dataset_coco_json"]}.get(
        source, ["train_val_videodatainfo_json", "test_videodatainfo_json"]
    )
    with pytest.raises(UserError, match="has a key twice"):
        read(source, tmp_path, **dict.fromkeys(names, twice))


def test_a_caption_s_number_of_thousands_of_digits_is_counted(tmp_path):
    lists = {f"imgs_{name}_txt": f"{name}.jpg" for name in ("train", "val", "test")}
    lines = f"train.jpg#0\ta dog\ntrain.jpg#{'1' * 5000}\ta cat"
    posts, problems = read("flickr30k", tmp_path, results_20130124_token=lines, **lists)
    assert [post.texts[0] for post in posts] == ["a dog"]
    assert problems["line is not IMAGE#NUMBER, a tab, a caption"] == 1


def test_a_key_of_slashes_names_no_post(tmp_path):
    record = {"key": "///", "img_url": "https://x/a.jpg", "description": "#바다"}
    assert read("diya_crawl", tmp_path, a_json=[record]) == ([], {"no key": 1})


def test_letters_and_marks_are_composed_when_nothing_stands_between_them_any_more():
    (word,) = tokenize("n\u200d\u0301o", "unicode")
    assert word == unicodedata.normalize("NFC", word) == "ńo"


def test_released_words_have_no_control_characters_that_part_words_in_files():
    assert tokenize_released_yfcc("sun%1Eset") == ["sun", "set"]


def test_word_vectors_with_an_endless_header_or_number(tmp_path):
    path = tmp_path / "x.vec"
    path.write_text(f"1 {'9' * 5000}\nsun 1\n")
    with pytest.raises(UserError, match="does not begin with a word"):
        read_word_vectors(path, ["a"] * 4 + ["sun"], 1)
    path.write_text("sea 1\nsun 1e300\n")
    found = read_word_vectors(path, ["a"] * 4 + ["sun", "sea"], 1)
    assert found.ids.tolist() == [5] and found.broken == [2]


def test_a_log_with_odd_steps_loses_no_other_line(tmp_path):
    (tmp_path / "configuration.json").write_text("{}")
    run = RunFolder.open(tmp_path)
    run.log.write_text(f'{{"step": 1}}\n{{"step": "x"}}\n{DEEP}\n{{"step": null}}\n{{"step": 2}}\n')
    assert [record["step"] for record in run.records()] == [1, 2]
    assert run.truncate_log(1) == 4 and run.records() == [{"step": 1}]


@pytest.mark.parametrize("text", [DEEP, "[1]", "null", "NaN", '"x"'])
def test_a_configuration_that_is_no_object_is_one_line(tmp_path, text):
    (tmp_path / "configuration.json").write_text(text)
    with pytest.raises(UserError, match=r"configuration\.json"):
        RunFolder.open(tmp_path)


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("train", "learning_rate", "0.1"),
        ("model", "user_words", None),
        ("data", "task", ["caption"]),
    ],
)
def test_a_setting_of_another_kind_is_named(section, name, value):
    values = find_preset("csmn-p5").to_dict()
    values[section][name] = value
    with pytest.raises(UserError, match=name):
        Config.from_dict(values)


@pytest.mark.parametrize("text", [DEEP, "[]", "7", '"x"', "{}"])
def test_a_damaged_state_falls_back_to_the_checkpoint_before_it(tmp_path, text):
    for step in (1, 2):
        save(tmp_path, step, {"W": np.full(2, step, np.float32)}, {}, {})
    (tmp_path / "checkpoints/2/state.json").write_text(text)
    assert load(tmp_path).step == 1


@pytest.mark.parametrize("name", ["view.json", "columns.json", "train/columns.json"])
@pytest.mark.parametrize("text", [DEEP, "[]", "{}", '{"files": 7, "text": 7}', '{"format": 1}'])
def test_a_damaged_view_is_one_line(tmp_path, name, text):
    shutil.copytree(crawled_view().folder.parent, tmp_path / "root")
    (tmp_path / "root/caption-posts-others" / name).write_text(text)
    with pytest.raises(UserError) as refused:
        open_view(tmp_path / "root", "caption", "posts")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "data", [b"", b"PK\x05\x06" + bytes(18), b"\x93NUMPY\x01\0\x02\0{\n", b"\x80\4."]
)
def test_arrays_that_are_none(tmp_path, data):
    (tmp_path / "x.npy").write_bytes(data)
    with pytest.raises(ValueError, match=r"damaged|archive"):
        load_array(tmp_path / "x.npy")


@pytest.mark.parametrize("mode", [None, "r"])
def test_a_header_that_says_it_is_huge_takes_no_memory(tmp_path, mode):
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\3\0" + b"\xff" * 4 + bytes(99))
    with pytest.raises(ValueError, match="its header is longer than the file"):
        load_array(tmp_path / "x.npy", mode)


def test_deep_answers_of_a_study_are_one_line(tmp_path):
    (tmp_path / "a.json").write_text(DEEP)
    with pytest.raises(UserError, match="is not JSON"):
        read_answers([tmp_path / "a.json"], [], "choice")


def test_a_clip_that_nothing_decodes(tmp_path):
    path = write_clip(tmp_path / "a.avi", codec="mpeg4")
    path.write_bytes(
        path.read_bytes().replace(b"FMP4", b"QQ_Q").replace(b"\0\0\1\xb6", b"\0\0\0\0")
    )
    with pytest.raises(ClipError, match="nothing here decodes"):
        open_clip(path)
