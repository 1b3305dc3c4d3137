"""The requirements of scripts.beam beside those of all else."""

import re
import sys

from tests.beam import ROOT

ONLY_THESE_DIFFER = {"protobuf", "python-dateutil"}


def versions(name):
    """Package to version of a requirements file, and the lines that are no pins."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = [re.match(r"([\w.\-]+)==([\w.]+)", line) for line in lines if line and line[0] != "#"]
    assert all(pins)
    return {pin[1].lower().replace("_", "-"): pin[2] for pin in pins}


def test_what_both_lists_name_has_one_version_but_where_beam_cannot():
    """Else a view built on Beam could be another: behind .venv-beam lies .venv."""
    ours, beam = versions("requirements.txt"), versions("requirements-beam.txt")
    both = ours.keys() & beam.keys()
    assert {name for name in both if ours[name] != beam[name]} == ONLY_THESE_DIFFER
    assert {"numpy", "regex", "pyenchant", "kiwipiepy", "tyro"} <= both


def test_the_transforms_need_no_tensorflow():
    """`scripts.beam` is not imported here, for want of Beam: its files are read."""
    allowed = {
        "data_loader",
        "scripts",
        "utils",
        "apache_beam",
        "grpc",
        "numpy",
        *sys.stdlib_module_names,
    }
    for path in (ROOT / "scripts/beam").glob("*.py"):
        if path.name == "extract_features.py":
            continue
        found = re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(encoding="utf-8"), re.M)
        assert set(found) <= allowed, path
        local = re.findall(r"^from scripts\.(\w+)", path.read_text(encoding="utf-8"), re.M)
        assert set(local) <= {"beam"}, path
