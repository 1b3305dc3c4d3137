"""Columns: what is written is read back, and a damaged file is named before anybody uses it."""

import errno
import os

import numpy as np
import pytest

from data_loader import columns
from utils.errors import UserError


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
    data = bytearray((folder / "text.bytes.npy").read_bytes())
    data[-1] ^= 1
    (folder / "text.bytes.npy").write_bytes(data)
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
    assert columns.open_columns(folder)["ids"].shape == (3, 5)


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
