"""Compares all checkpoints of a run with the checksums that were written with them."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from utils.checkpoint import check_sum, checkpoints_folder, list_checkpoints, read_state
from utils.findings import Finding, examine

THREADS = 4


def verify_checkpoints(run: str | os.PathLike) -> list[Finding]:
    """Compares every file of every checkpoint with its sha256; a finding for each file.

    A damaged file's finding says which checkpoints are sound.
    """
    steps = {step: _examine(checkpoints_folder(run) / str(step)) for step in list_checkpoints(run)}
    sound = [step for step, found in steps.items() if not any(one.problem for one in found)]
    remedy = f"remove {checkpoints_folder(run)}/STEP of it; " + (
        f"training goes on from step {sound[-1]}, eval takes --checkpoint {sound[-1]}"
        if sound
        else "no checkpoint is sound: train anew"
    )
    return [
        one._replace(problem=f"{one.problem}; {remedy}") if one.problem else one
        for found in steps.values()
        for one in found
    ]


def _examine(folder: Path) -> list[Finding]:
    """One finding for each file of a checkpoint."""
    state = examine(folder / "state.json", lambda: read_state(folder) and None)
    if state.problem:
        return [state]
    hashes = read_state(folder)["files"]
    with ThreadPoolExecutor(THREADS) as pool:
        arrays = pool.map(
            lambda name: examine(folder / name, lambda: check_sum(folder / name, hashes[name])),
            hashes,
        )
        return [state, *arrays]
