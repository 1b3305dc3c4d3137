"""Holds the models to recorded runs: `python -m scripts.check_parity FILE.npz ...`.

Each file has a model's weights, inputs and expected outputs. The model is rebuilt with the sizes
that the file shows, and everything that the file holds is compared.
"""

import dataclasses
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tyro

from scripts.check_parity.csmn import compare_csmn_paper, compare_csmn_released
from scripts.check_parity.recorded import Arrays, Comparison
from scripts.check_parity.saliency import compare_saliency
from scripts.check_parity.show_attend import compare_show_attend
from utils.command_line import parse
from utils.devices import quiet_tensorflow
from utils.errors import UserError, run_command


@dataclasses.dataclass(frozen=True)
class Options:
    """Compares recorded runs with the models; exit status 1 where one differs."""

    files: tyro.conf.Positional[tuple[Path, ...]]
    """Recorded runs, .npz."""
    tolerance: float = 1e-4
    """Largest allowed difference, as a share of the expected array's largest absolute value."""


def main() -> None:
    """Compares every file and exits with 1 where any differs."""
    options = parse(Options)
    if not options.files:
        raise UserError("no file given; expected recorded runs: check_parity FILE.npz ...")
    quiet_tensorflow()
    passed = [check_file(file, options.tolerance) for file in options.files]
    print(f"{sum(passed)} of {len(passed)} files agree")
    sys.exit(0 if all(passed) else 1)


def check_file(file: Path, tolerance: float = 1e-4) -> bool:
    """Prints the largest difference of each kind of output; returns whether all are in bounds.

    Raises:
        UserError: the file cannot be read or has a form that no model knows.
    """
    arrays = load(file)
    compare = family(file, arrays)
    print(file.name)
    try:
        rows = [(name, difference(name, want, got)) for name, want, got in compare(arrays)]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file} does not hold a whole recorded run: {error}") from None
    for title, share in _summary(rows).items():
        verdict = "ok" if share <= tolerance else "DIFFERS"
        print(f"  {title:<24} {share:10.2e}  {verdict}")
    # `not (a <= b)` also catches NaN.
    return not any(not (share <= tolerance) for _, share in rows)


def load(file: Path) -> Arrays:
    """All arrays of the file."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise UserError(f"no file {file}; expected a recorded run (.npz)") from None
    except (OSError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise UserError(f"{file} is not a readable .npz file: {error}") from None


def family(file: Path, arrays: Arrays) -> Callable[[Arrays], Iterator[Comparison]]:
    """Which model a file belongs to, told by what it holds."""
    if "config" in arrays and "var/W_eb" in arrays:
        return compare_csmn_paper
    if "var/Wea" in arrays:
        return compare_csmn_released
    if "var/L_o.weight" in arrays:
        return compare_show_attend
    if "var/embed_features_W" in arrays:
        return compare_saliency
    raise UserError(
        f"{file} has no form that is known here; expected a recorded run of "
        "csmn_paper (config, var/W_eb ...), csmn_released (var/Wea ...), show_attend_tell or "
        "look_back (var/L_o.weight ...), caption_guided_saliency (var/embed_features_W ...)"
    )


def difference(name: str, expected: np.ndarray, actual: np.ndarray) -> float:
    """The largest difference as a share of the largest expected value; infinite for wrong ids.

    Where zeros are expected, the difference itself: rounding may leave a trace of what cancels.
    """
    if expected.shape != actual.shape:
        raise ValueError(f"{name} is {expected.shape}, the model gives {actual.shape}")
    if np.issubdtype(expected.dtype, np.integer):
        return 0.0 if np.array_equal(expected, actual) else np.inf
    largest = np.abs(expected - actual).max(initial=0.0)
    return float(largest / (np.abs(expected).max(initial=0.0) or 1.0))


def _summary(rows: list[tuple[str, float]]) -> dict[str, float]:
    """The worst share per output; all gradients share a line that names the worst."""
    worst = {}
    gradients = [row for row in rows if row[0].startswith("grad/")]
    for name, share in rows:
        if not name.startswith("grad/"):
            worst[name] = share
    if gradients:
        name, share = max(gradients, key=lambda row: np.inf if np.isnan(row[1]) else row[1])
        worst[f"{len(gradients)} gradients ({name[5:]})"] = share
    return worst


if __name__ == "__main__":
    run_command(main)
