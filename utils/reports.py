"""The JSON file of a command's results, for whatever numbers a bad model gives."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from utils.errors import UserError
from utils.files import write_json


def write_report(path: Path, values: Mapping[str, Any]) -> None:
    """Writes a flat JSON object.

    JSON has no infinity and no NaN: such a number (the perplexity of a model that is far off)
    becomes null, and an entry of `notes` says what it was.

    Raises:
        UserError: the file cannot be written.
    """
    odd = {name: value for name, value in values.items() if _is_odd(value)}
    notes = [f"{name} is {value}, which JSON cannot hold: null" for name, value in odd.items()]
    report = {**values, **dict.fromkeys(odd)}
    if notes:
        report["notes"] = [*report.get("notes", []), *notes]
    try:
        write_json(path, report)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def _is_odd(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
