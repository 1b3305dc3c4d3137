"""Extraction on Apache Beam makes the files of the local one."""

import numpy as np
import pytest
from PIL import Image

from tests.beam import beam_python, files_of, job_service, run, run_here

pytestmark = pytest.mark.slow
IMAGES = 11


@pytest.fixture
def root(tmp_path):
    """A data root that lists eleven pictures, of which one cannot be read and one is missing."""
    beam_python()
    data, images = tmp_path / "data", tmp_path / "images"
    data.mkdir()
    images.mkdir()
    names = [f"{i}.png" for i in range(IMAGES)]
    (data / "images.txt").write_text("".join(f"{name}\n" for name in names))
    for name, seed in zip(names[:-1], range(IMAGES), strict=False):
        pixels = np.random.default_rng(seed).integers(0, 255, (70, 90, 3), np.uint8)
        Image.fromarray(pixels).save(images / name)
    (images / names[4]).write_bytes(b"no picture")
    return tmp_path


def extracted(root, made):
    """The feature files, which make room for the next extraction."""
    assert made.returncode == 0, made.stderr
    folder = root / "data/features"
    files = {name: data for name, data in files_of(folder).items() if not name.endswith(".lock")}
    folder.rename(root / f"features-{len(list(root.iterdir()))}")
    return files


def test_the_files_are_those_of_one_machine(root):
    flags = (f"--data_dir={root / 'data'}", f"--images={root / 'images'}", "--extractor=patches")
    local = extracted(root, run_here("extract_features", *flags))
    assert len(local) == 3 and b"4.png" in local["patches-cells8.json"]
    assert extracted(root, run("extract_features", *flags, "--parts=3")) == local
    with job_service(root) as options:
        assert extracted(root, run("extract_features", *flags, "--parts=4", *options)) == local


def test_a_missing_folder_is_one_line(root):
    made = run("extract_features", f"--data_dir={root / 'data'}", "--images=nowhere")
    assert made.returncode == 2
    assert made.stderr.splitlines()[-1].startswith("error: --images: ")
