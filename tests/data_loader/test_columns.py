"""Columns: what is written is read back, and a damaged file is named before anybody uses it."""

import errno
import os

import numpy as np
import pytest

from data_loader import columns
from utils.errors import UserError
from utils.files import sha256


@pytest.fixture
def sample():
    return {
        "ids": np.arange(3 * 5, dtype=np.int32).reshape(3, 5),
        "time": np.array([5, -(2**63), 7], np.int64),
        "text": ["", "caf\u00e9 \U0001f469\u200d\U0001f680", "a\nb"],
    }


@pytest.fixture
def folder(tmp_path, sample):
    columns.write_columns(tmp_path / "train", sample)
    return tmp_path / "train"


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_reads_what_was_written(folder, sample):
    read = columns.open_columns(folder)
    np.testing.assert_array_equal(read["ids"], sample["ids"])
    assert read["time"].dtype == np.int64 and read["time"].tolist() == sample["time"].tolist()
    assert read.texts("text") == sample["text"]
    assert [read.text("text", row) for row in range(3)] == sample["text"]
    assert isinstance(read["ids"].base, np.memmap) and not read["ids"].flags.writeable


def test_a_text_row_that_is_not_there_is_an_index_error(folder):
    read = columns.open_columns(folder)
    for row in (-1, 3):
        with pytest.raises(IndexError, match="3 rows"):
            read.text("text", row)


def test_columns_without_rows(tmp_path):
    columns.write_columns(tmp_path, {"ids": np.zeros((0, 5), np.int32), "text": []})
    read = columns.open_columns(tmp_path)
    assert read["ids"].shape == (0, 5) and read.texts("text") == []


def test_every_file_is_plain_numpy(folder, sample):
    np.testing.assert_array_equal(np.load(folder / "ids.npy"), sample["ids"])


def test_a_file_cut_short_is_found(folder):
    os.truncate(folder / "ids.npy", 150)
    with pytest.raises(UserError, match=r"ids\.npy is damaged: 150 bytes, expected 188; do this"):
        columns.open_columns(folder, "do this")


def test_a_changed_byte_is_found_in_a_small_file(folder):
    flip_a_byte(folder / "text.bytes.npy")
    with pytest.raises(UserError, match=r"text\.bytes\.npy is damaged: its sha256"):
        columns.open_columns(folder)


def test_a_large_file_is_held_to_its_header(folder, sample, monkeypatch):
    np.save(folder / "ids.npy", sample["ids"].reshape(5, 3))  # same size, other shape
    monkeypatch.setattr(columns, "SMALL_FILE", 0)
    with pytest.raises(UserError, match=r"ids\.npy is damaged: it holds <i4 \[5, 3\]"):
        columns.open_columns(folder)


def test_a_large_file_is_not_read_when_it_is_opened(folder, monkeypatch):
    monkeypatch.setattr(columns, "SMALL_FILE", 0)
    monkeypatch.setattr(columns, "sha256", lambda path: pytest.fail(f"{path} was read"))
    assert columns.open_columns(folder).rows("ids") == 3


def test_a_changed_byte_in_a_large_file_is_found_before_its_first_use(folder, sample, monkeypatch):
    monkeypatch.setattr(columns, "SMALL_FILE", 0)
    for name in ("ids.npy", "text.bytes.npy"):
        flip_a_byte(folder / name)
    read = columns.open_columns(folder, "do this")
    np.testing.assert_array_equal(read["time"], sample["time"])
    for use in (lambda: read["ids"], lambda: read.text("text", 1), lambda: read.texts("text")):
        for _ in range(2):  # an error that somebody caught does not make it sound
            with pytest.raises(UserError, match=r"is damaged: its sha256 .*; do this"):
                use()


def test_a_large_file_is_compared_once(folder, monkeypatch):
    seen = []
    monkeypatch.setattr(columns, "SMALL_FILE", 0)
    monkeypatch.setattr(columns, "sha256", lambda path: seen.append(path.name) or sha256(path))
    read = columns.open_columns(folder)
    for _ in range(3):
        _ = read["ids"], read.text("text", 0)
    assert sorted(seen) == ["ids.npy", "text.bytes.npy", "text.offsets.npy"]


@pytest.mark.parametrize(("old", "new"), [('"bytes": 188', '"bytes": 189'), ('"text"]', '"teXt"]')])
def test_a_changed_description_is_found(folder, old, new):
    path = folder / columns.CONTENTS
    text = path.read_text().replace("\n  ", " ").replace("[ ", "[").replace("\n", "")
    path.write_text(text.replace('"text" ]', '"text"]'))
    columns.open_columns(folder)  # the same JSON in other white space is no damage
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=r"columns\.json \(it does not match its own checksum\)"):
        columns.open_columns(folder)


@pytest.mark.parametrize("content", [None, "", "[1]", "{}"])
def test_missing_or_broken_description(folder, content):
    path = folder / columns.CONTENTS
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(UserError, match=r"columns\.json"):
        columns.open_columns(folder)


def test_a_missing_column_file(folder):
    (folder / "time.npy").unlink()
    with pytest.raises(UserError, match=r"time\.npy"):
        columns.open_columns(folder)


def test_a_full_disk_is_said_in_words(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match="no space left"):
        columns.write_array(tmp_path / "a.npy", np.zeros(7))


def test_a_file_system_without_reservation_is_fine(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "posix_fallocate", unsupported)
    columns.write_array(tmp_path / "a.npy", np.arange(7))
    assert np.load(tmp_path / "a.npy").tolist() == list(range(7))


def test_columns_in_pieces_are_those_of_the_whole(tmp_path, sample):
    """In the files too: the same bytes, and the same description of them."""
    columns.write_columns(tmp_path / "whole", sample)
    whole = columns.open_columns(tmp_path / "whole")
    pieces = {}
    for name in sample:
        if name in whole.text_names:
            parts = (in_pieces(whole[f"{name}.bytes"]), in_pieces(whole[f"{name}.offsets"]))
            pieces[name] = columns.TextPieces(*parts, lambda name=name: iter(sample[name]))
            assert list(pieces[name]) == list(sample[name])
            assert len(pieces[name]) == len(sample[name])
        else:
            pieces[name] = in_pieces(whole[name])
    columns.write_columns(tmp_path / "pieces", pieces)
    for file in (tmp_path / "whole").iterdir():
        assert (tmp_path / "pieces" / file.name).read_bytes() == file.read_bytes()


def in_pieces(array):
    def read():
        yield array[:1]
        yield array[1:]

    return columns.Pieces(array.dtype, array.shape, read)


def test_pieces_that_are_not_the_whole_are_an_error(tmp_path):
    short = columns.Pieces(np.dtype(np.int32), (4,), lambda: iter([np.zeros(3, np.int32)]))
    with pytest.raises(ValueError, match="have 140 bytes, expected 144"):
        columns.write_array(tmp_path / "a.npy", short)


def test_some_rows_of_a_text_column(tmp_path):
    columns.write_columns(tmp_path, {"text": ["a", "", "sea ❤", "d"]})
    opened = columns.open_columns(tmp_path)
    assert opened.texts("text", 1, 3) == ["", "sea ❤"] and opened.texts("text", 4) == []
