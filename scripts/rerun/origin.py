"""Where a run came from, and what is different now."""

from pathlib import Path
from typing import Any

from configuration import EvalConfig
from utils.command_line import parse
from utils.environment import environment
from utils.errors import UserError
from utils.run_folder import EVALUATIONS, read_json

PACKAGES_SHOWN = 12


def evaluations(run: Path) -> list[EvalConfig]:
    """How the run was evaluated, one entry per file of scores.

    Raises:
        UserError: a record that this version of eval cannot repeat.
    """
    found = []
    for path in sorted(run.glob(EVALUATIONS)):
        arguments = read_json(path).get("command", [])[1:]
        try:
            found.append(parse(EvalConfig, args=arguments))
        except SystemExit:
            raise UserError(f"{path}: this version of eval has not all of these flags") from None
    return found


def print_changes(run: Path) -> None:
    """Prints what of code, packages and hardware is not what the run's last start recorded."""
    starts = read_json(run / "environment.json", list)
    then = starts[-1] if starts else {}
    lines = [f"  {line}" for line in differences(then, environment())]
    print("\n".join(["changed since the run:", *lines] if lines else ["nothing has changed"]))
    if then.get("changes"):
        print(f"  the run's code differed from its commit by {run / then['changes']}")


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """One line for each thing that differs between two environments (`utils.environment`)."""
    kinds = ("commit", "python", "platform")
    lines = [f"{k}: {then.get(k)} then, {now[k]} now" for k in kinds if then.get(k) != now[k]]
    packages = _differing(then.get("packages", {}), now["packages"])
    if packages:
        more = len(packages) - PACKAGES_SHOWN
        shown = packages[:PACKAGES_SHOWN] + ([f"and {more} more"] if more > 0 else [])
        lines.append(f"packages: {', '.join(shown)}")
    return lines + _differing(then.get("hardware", {}), now["hardware"])


def _differing(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Only of what was recorded: an older run names fewer."""
    return [f"{name} {value} then, {now.get(name)} now" for name, value in then.items()
            if now.get(name) != value]  # fmt: skip
