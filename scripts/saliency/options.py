"""The flags of `python -m scripts.saliency`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from utils.checks import check_range
from utils.devices import is_one_of_several_workers
from utils.errors import UserError
from utils.overlay import Colours

Scale = Literal["released", "word"]
LEAST_PANEL, LARGEST_PANEL = 48, 1920


@dataclass(frozen=True)
class Options:
    """Shows which region of a picture, or frame of a clip, each word of a sentence refers to."""

    media: str
    """A picture or clip: a file, or the id or file name of a post of the run's data."""
    run_dir: tuple[Path, ...] = ()
    """Folder of the run, by default the newest in runs; several runs of pictures are drawn below
    one another."""
    checkpoint: str = "best"
    """best, last, or a step."""
    sentence: str | None = None
    """What is explained; by default the model's own caption."""
    out: Path = Path("saliency")
    """The folder to write to."""
    exact_kl: bool = False
    """Compare each descriptor's distribution of the next word with that of the whole picture or
    clip, instead of taking the word's probability alone (saliency runs)."""
    scale: Scale | None = None
    """How values become colours: word, from the least to the largest of each word (default of
    pictures); released, as the authors' films: above each word's mean, each frame's strongest word
    at 1, smoothed (default of clips)."""
    colours: Colours = "jet"
    """The colour map; viridis, magma, inferno and cividis are perceptually uniform."""
    panel: int = 320
    """Pixels of a panel's longer side."""
    skip_unknown: bool = False
    """Leave words out that the run does not know, instead of refusing them."""
    html: bool = False
    """Also write a page on which pointing at a word shows its map."""
    images: Path | None = None
    """The folder that the names of the run's pictures or clips are relative to, for an id."""
    data_dir: Path | None = None
    """The data root that the run was trained on, where it has moved."""
    weights: Path | None = None
    """The encoder's weight file, where it has moved."""
    num_gpus: int | None = None
    """0 for the CPU, 1 for a GPU; by default a GPU if there is one."""

    def check(self) -> None:
        """Refuses what would fail after the work, before it.

        Raises:
            UserError: names the flag.
        """
        check_range("panel", self.panel, LEAST_PANEL, LARGEST_PANEL)
        check_range("num_gpus", self.num_gpus, 0, 1)
        if self.sentence is not None and not self.sentence.strip():
            raise UserError("--sentence is empty: leave it out to explain the model's own caption")
        if self.skip_unknown and self.sentence is None:
            raise UserError("--skip_unknown is about the words of a --sentence: give one with it")
        if self.out.exists() and not self.out.is_dir():
            raise UserError(f"--out {self.out} is a file; expected a folder to write to")
        if is_one_of_several_workers():
            raise UserError("saliency runs in one process: unset TF_CONFIG, or start a single task")
