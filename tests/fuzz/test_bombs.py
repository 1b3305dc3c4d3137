"""Small files that would fill the memory; what may take some is measured in its own process."""

import gzip
import json
import random
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from data_loader.clips import ClipError, open_clip
from data_loader.images import ImageError, read_image
from data_loader.posts import Problems
from data_loader.sources import SOURCES
from model.encoders.torch_files import read_tensors
from scripts.torture import samples
from scripts.torture.importers import write_files
from tests.clips import write_clip
from tests.shared_data import REPOSITORY
from utils.arrays import load_array
from utils.errors import UserError
from utils.json_text import parse_json

GIGABYTE = 2**30
DEEP = 100_000
POST = json.dumps({"user": "u", "post": 1, "image": "1.jpg", "text": "a b c"}).encode() + b"\n"
OPEN_CLIP = "from data_loader.clips import open_clip as f; f(path)"
CRAWL = "from data_loader.sources import crawl; from data_loader.posts import Problems"


def peak_of(code, *arguments):
    """What some lines of Python print, and the bytes that their process takes at most."""
    # Not `getrusage`, which begins with the peak of the process that started this one.
    code += "\nprint(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    command = [sys.executable, "-c", f"import sys\npath = sys.argv[1]\n{code}", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *said, peak = done.stdout.splitlines()
    return "\n".join(said), int(peak) * 1024


def png(path, width, height):
    """A gray PNG that promises rows which are not there."""
    data = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    for name, content in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(9999))), (b"IEND", b"")):
        checksum = struct.pack(">I", zlib.crc32(name + content))
        data += struct.pack(">I", len(content)) + name + content + checksum
    path.write_bytes(data)
    return path


def test_a_picture_of_fifty_thousand_pixels_squared(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 89478485)  # as when no test has set another
    path = png(tmp_path / "x.png", 50_000, 50_000)
    assert path.stat().st_size < 1000
    with pytest.raises(ImageError, match="more than 89478485 pixels"):
        read_image(path)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["RGBA", "I;16"])
def test_the_largest_picture_takes_less_than_two_gigabytes(tmp_path, mode):
    Image.new(mode, (9450, 9450)).save(tmp_path / "x.png", compress_level=1)
    code = "from data_loader.images import read_image; print(read_image(path).shape)"
    said, peak = peak_of(code, tmp_path / "x.png")
    assert said == "(9450, 9450, 3)" and peak < 1.5 * GIGABYTE


def test_a_clip_that_says_it_is_huge(tmp_path):
    path = write_clip(tmp_path / "a.avi", codec="mjpeg", pixels="yuvj420p")
    start = b"\xff\xc0\0\x11\x08"  # of a JPEG's header; height and width follow
    small, huge = (start + struct.pack(">HH", *size) for size in ((48, 64), (16_000, 16_000)))
    assert small in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(small, huge))
    said, peak = peak_of(refusal_of(OPEN_CLIP), path)
    assert "no frame can be decoded" in said and peak < GIGABYTE / 2


def test_frames_larger_than_the_header_says_are_not_decoded(tmp_path, monkeypatch):
    path = write_clip(tmp_path / "a.mpg", codec="mpeg2video", container="mpeg")
    clip = open_clip(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 48 - 1)
    with pytest.raises(ClipError, match="no frame can be decoded"):
        list(clip.frames())


@pytest.mark.parametrize("opened", ["[", '{"a":', '[{"a":'])
def test_deep_json_is_named(opened):
    with pytest.raises(ValueError, match="nested too deep"):
        parse_json(opened * DEEP)


@pytest.mark.parametrize("source", sorted(set(SOURCES) - {"harrison", "flickr30k", "folder"}))
def test_deep_json_is_a_problem_or_a_refusal_of_every_importer(tmp_path, source):
    files = samples.SOURCES[source](random.Random(5))
    write_files(tmp_path, dict.fromkeys(files, b"[" * DEEP))
    extra, problems = {"images": []} if source == "crawl" else {}, Problems()
    try:
        for chunk in SOURCES[source].chunks(tmp_path, "caption"):
            posts, found = SOURCES[source].parse(chunk, "caption", **extra)
            assert not posts
            problems.merge(found)
    except UserError as error:
        assert "nested too deep" in str(error)
    else:
        assert set(problems.counts) <= {"not JSON", "file is not JSON"} and problems.counts


def refusal_of(call):
    """Lines of Python that print the words of a refusal."""
    return f"""
from pathlib import Path
from data_loader.images import MediaError
from utils.errors import UserError
path = Path(path)
try:
    {call}
except (MediaError, UserError) as error:
    print(error)"""


def with_a_gigabyte(path, before, after, size=GIGABYTE):
    """A file with a line of 1 GB between two others; it takes no room on the disk."""
    with open(path, "wb") as file:
        file.write(before)
        file.truncate(len(before) + size)
        file.seek(0, 2)
        file.write(b"\n" + after)
    return path


READ_CRAWL = f"""{CRAWL}
from pathlib import Path
problems, posts = Problems(), []
for chunk in crawl.chunks(Path(path), "caption"):
    part, bad = crawl.parse(chunk, "caption", images=[])
    posts += part
    problems.merge(bad)
print(len(posts), dict(problems.counts), problems.examples)"""
TOO_LONG = "{'line longer than 16 MB': 1} {'line longer than 16 MB': ['line 2']}"


@pytest.mark.parametrize("size", [2**25, pytest.param(GIGABYTE, marks=pytest.mark.slow)])
def test_a_long_line_costs_one_post_and_no_memory(tmp_path, size):
    path = with_a_gigabyte(tmp_path / "posts.jsonl", POST, POST, size)
    said, peak = peak_of(READ_CRAWL, path)
    assert said == f"2 {TOO_LONG}" and peak < GIGABYTE / 2


@pytest.mark.slow
def test_a_packed_line_of_two_gigabytes_costs_one_post_and_no_memory(tmp_path):
    path = tmp_path / "posts.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(POST)
        for _ in range(2 * 1024):
            file.write(bytes(2**20))
        file.write(b"\n" + POST)
    assert path.stat().st_size < 2**24
    said, peak = peak_of(READ_CRAWL, path)
    assert said == f"2 {TOO_LONG}" and peak < GIGABYTE / 2


LISTS = """from data_loader.sources.caption_sets import numbered_lines
from data_loader.posts import Problems
problems = Problems()
from pathlib import Path
print(len(list(numbered_lines(Path(path), problems))), problems.examples)"""
READERS = {
    "captions": (LISTS, "2 {'line longer than 16 MB': ['x, line 2']}"),
    "predictions": (
        refusal_of("from utils.predictions import read_predictions as f; f(path)"),
        "line 2: line longer than 16 MB",
    ),
    "history": (
        refusal_of("from data_loader.history import read_history as f; f(path, None)"),
        "line 2: line longer than 16 MB",
    ),
    "harrison": (
        refusal_of("from data_loader.sources.harrison import _lines as f; f(path)"),
        "line 2: line longer than 16 MB",
    ),
    "stories": (
        refusal_of("from data_loader.text_files import read_stories as f; f(path, 'raw')"),
        "larger than 256 MB",
    ),
    "one JSON": (
        refusal_of("from data_loader.sources import coco; coco._load(path)"),
        "are more than the 768 that are read at once",
    ),
    "word vectors": (
        refusal_of("from data_loader.word_vectors import read_word_vectors as f;"
                   " print(len(f(path, ['a'] * 4 + ['sun', 'sea'], 1).ids))"),
        "2",
    ),
}  # fmt: skip
ENDS = {
    "predictions": [json.dumps({"id": n, "prediction": "a", "references": ["a"]}) for n in (1, 2)],
    "word vectors": ["sun 1", "sea 2"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_a_line_of_a_gigabyte_anywhere_else(tmp_path, name):
    code, expected = READERS[name]
    before, after = ENDS.get(name, ["a line", "another"])
    path = with_a_gigabyte(tmp_path / "x", f"{before}\n".encode(), f"{after}\n".encode())
    said, peak = peak_of(code, path)
    assert expected in said and peak < GIGABYTE / 2


def test_a_weight_file_that_would_grow_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", bytes(10_000_000))
    with pytest.raises(UserError, match=r"data.pkl is packed, which torch\.save does not do"):
        read_tensors(tmp_path / "x.pth")


def test_a_tar_with_a_name_of_300_megabytes_takes_no_memory(tmp_path):
    name = tarfile.TarInfo("x")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 300 * 2**20
    with gzip.open(tmp_path / "x", "wb", compresslevel=1) as file:
        file.write(name.tobuf(tarfile.GNU_FORMAT))
        for _ in range(300):
            file.write(bytes(2**20))
    assert (tmp_path / "x").stat().st_size < 2**21
    said, peak = peak_of(
        refusal_of("from scripts.unpack import unpack as f; f(path, path.with_name('in'))"),
        tmp_path / "x",
    )
    assert "headers of more than 1,048,576 bytes" in said and peak < GIGABYTE / 4


def test_an_array_whose_header_says_it_is_huge(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.zeros(3, np.uint8))
    huge = path.read_bytes().replace(b"(3,), }" + b" " * 12, b"(1099511627776,), }")
    assert huge != path.read_bytes()
    path.write_bytes(huge)
    for mode in (None, "r"):
        with pytest.raises(ValueError, match="damaged"):
            load_array(path, mode)
