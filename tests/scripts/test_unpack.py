"""Archives that were made to do harm are refused, and nothing is written outside of the folder."""

import gzip
import io
import os
import stat
import subprocess
import sys
import tarfile
import zipfile

import pytest

from scripts import unpack as unpacking
from scripts.unpack import unpack
from tests.shared_data import REPOSITORY
from utils.errors import UserError

OUTSIDE = ("../escaped", "a/../../escaped", "/tmp/escaped", "C:\\escaped", "..\\escaped", "//x/y")


def tar_entry(name, kind=tarfile.REGTYPE, target="", size=2):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    entry.size = size if kind == tarfile.REGTYPE else 0
    return entry


def write_tar(path, *entries, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for entry in entries:
            archive.addfile(entry, io.BytesIO(b"{}"))
    return path


def write_zip(path, *names, mode=0):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo("x")
            entry.filename, entry.external_attr = name, mode << 16
            archive.writestr(entry, "{}")
    return path


def files_in(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_good_archives_are_unpacked(tmp_path, mode):
    entries = (tar_entry(name, size=2) for name in ("a.json", "b/" + "c" * 200))
    unpack(write_tar(tmp_path / "x", *entries, mode=mode), tmp_path / "out")
    assert files_in(tmp_path / "out") == ["a.json", "b/" + "c" * 200]
    assert (tmp_path / "out/a.json").read_bytes() == b"{}"
    unpack(write_zip(tmp_path / "z", "d/", "d/a.json"), tmp_path / "zip")
    assert files_in(tmp_path / "zip") == ["d/a.json"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_that_climb_out_are_refused(tmp_path, name):
    (tmp_path / "in").mkdir()
    for number, make in enumerate(
        (lambda p: write_tar(p, tar_entry(name)), lambda p: write_zip(p, name))
    ):
        archive = make(tmp_path / f"{number}")
        with pytest.raises(UserError, match="outside of the folder"):
            unpack(archive, tmp_path / f"in/{number}")
    assert files_in(tmp_path) == ["0", "1"]


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc"),
        (tarfile.SYMTYPE, "../.."),
        (tarfile.SYMTYPE, "b"),  # chains of such have led out of tarfile's own filter
        (tarfile.LNKTYPE, "b"),
        (tarfile.LNKTYPE, "../../etc/passwd"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_are_refused(tmp_path, kind, target):
    entries = (tar_entry("a", kind, target), tar_entry("a/escaped"))
    archive = write_tar(tmp_path / "x", tar_entry("b"), *entries)
    with pytest.raises(UserError, match="link or device: 'a'"):
        unpack(archive, tmp_path / "in")
    assert os.listdir(tmp_path) == ["x"]


def test_a_zip_with_a_link_is_refused(tmp_path):
    archive = write_zip(tmp_path / "x", "a", mode=stat.S_IFLNK | 0o777)
    with pytest.raises(UserError, match="link or device"):
        unpack(archive, tmp_path / "in")


def test_a_zip_bomb_is_refused_by_what_it_says_of_itself(tmp_path):
    with zipfile.ZipFile(tmp_path / "x", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(200 * 2**20))
    assert (tmp_path / "x").stat().st_size < 300_000
    with pytest.raises(UserError, match="grows to more than the 104,857,600 bytes that its size"):
        unpack(tmp_path / "x", tmp_path / "in")
    assert os.listdir(tmp_path) == ["x"]


def test_a_refused_tar_leaves_nothing_and_can_be_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "SMALL", 5 * 4096)
    with tarfile.open(tmp_path / "x", "w:xz") as archive:
        for number in range(10):
            archive.addfile(tar_entry(f"{number}", size=4096), io.BytesIO(bytes(4096)))
    monkeypatch.setattr(unpacking, "GROWTH", 1)
    with pytest.raises(UserError, match=r"entry 6\)"):
        unpack(tmp_path / "x", tmp_path / "in")
    assert os.listdir(tmp_path) == ["x"]
    monkeypatch.setattr(unpacking, "GROWTH", 1000)
    unpack(tmp_path / "x", tmp_path / "in")
    assert len(files_in(tmp_path / "in")) == 10


def test_a_folder_that_exists_is_left_as_it_is(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError, match="exists already"):
        unpack(write_tar(tmp_path / "x", tar_entry("a")), tmp_path / "in")
    assert not files_in(tmp_path / "in")


def header(kind, size):
    """The header of a tar's entry that says it has so many bytes; a negative number too."""
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = kind, size
    return entry.tobuf(tarfile.GNU_FORMAT)


SPARSE = b"GNU.sparse.major=1\n", b"GNU.sparse.minor=0\n", b"GNU.sparse.name=x\n"
SPARSE_MAP = b"".join(b"%d %s" % (len(line) + 3, line) for line in SPARSE).ljust(512, b"\0")
GLOBAL = b"".join(b"28 %08d=%s\n" % (n, b"v" * 15) for n in range(2**14))


@pytest.mark.parametrize(
    "data",
    [
        header(tarfile.GNUTYPE_LONGNAME, 2**28) + bytes(2**21),
        header(tarfile.GNUTYPE_LONGLINK, -(2**28)) + bytes(2**21),
        header(tarfile.XHDTYPE, 2**28) + bytes(2**21),
        header(tarfile.XGLTYPE, 2**28) + bytes(2**21),
        # A map of holes that tarfile reads as long as it goes on.
        header(tarfile.XHDTYPE, len(SPARSE_MAP.rstrip(b"\0")))
        + SPARSE_MAP
        + header(tarfile.REGTYPE, 2**21)
        + b"9999999\n"
        + b"0\n" * 2**20,
    ],
    ids=["name", "negative", "pax", "global", "sparse"],
)
def test_a_header_is_not_read_whole_where_it_says_it_is_huge(tmp_path, data):
    (tmp_path / "x").write_bytes(gzip.compress(header(tarfile.REGTYPE, 0) + data, 1))
    with pytest.raises(UserError, match="headers of more than 1,048,576 bytes"):
        unpack(tmp_path / "x", tmp_path / "in")
    assert os.listdir(tmp_path) == ["x"]


def test_headers_for_all_entries_do_not_pile_up(tmp_path):
    def pile(number):
        values = GLOBAL.replace(b" 0", b" %d" % number)
        return header(tarfile.XGLTYPE, len(values)) + values + header(tarfile.REGTYPE, 0)

    (tmp_path / "x").write_bytes(b"".join(map(pile, range(9))))
    with pytest.raises(UserError, match="headers of more than"):
        unpack(tmp_path / "x", tmp_path / "in")


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x05\x06", b"\x1f\x8b\x08\0"])
def test_what_is_no_archive_is_named(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(UserError, match=r"x (cannot be unpacked|is damaged)"):
        unpack(tmp_path / "x", tmp_path / "in")


def test_an_archive_that_is_cut_off_is_refused_or_lacks_nothing(tmp_path):
    names = [f"{number}.json" for number in range(5)]
    whole = write_tar(tmp_path / "x", *map(tar_entry, names)).read_bytes()
    for size in range(0, len(whole), 7):
        (tmp_path / "y").write_bytes(whole[:size])
        try:
            unpack(tmp_path / "y", tmp_path / f"in{size}")
        except UserError:
            continue
        assert files_in(tmp_path / f"in{size}") == names


def test_the_command_says_in_one_line_what_is_wrong(tmp_path):
    write_tar(tmp_path / "x", tar_entry("../escaped"))
    command = [sys.executable, "-m", "scripts.unpack", str(tmp_path / "x"), str(tmp_path / "in")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "outside" in done.stderr
