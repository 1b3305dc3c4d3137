"""What stands below a table of results: on what, of what and for how long it was measured."""

from collections.abc import Iterator, Mapping

from configuration import find_preset
from model.networks import is_random
from scripts.reproduction.options import Options, flags_for
from scripts.reproduction.prepare import text_of
from scripts.reproduction.results import UNTRAINED, Results
from scripts.reproduction.smoke import Size
from scripts.reproduction.tables import SHIPPED, STORY, Table

SMALL = "a small size: compare these numbers with one another, not with the paper's"


def notes_of(
    table: Table, results: Results, options: Options, size: Size | None = None
) -> list[str]:
    """One line per note.

    Args:
        table: the table.
        results: of `results.collect`.
        options: the command line.
        size: of a smoke run.
    """
    own = {key: one for key, one in results.items() if key[0] == table.task}
    notes = [_measured_note(table, options)]
    if table.task != STORY:
        notes += [_posts_note(split, table, own) for split in table.splits]
    notes += [_features_note(own), _training_note(table, options, size)]
    notes += [_flags_note(table, options, size)]
    return [note for note in notes if note]


def _measured_note(table: Table, options: Options) -> str:
    """Where the data is, and what it is not."""
    if table.task == STORY:
        text = text_of(options.stories)
        measured, made = options.stories, f", made from {text}" if text else ""
    else:
        measured, made = options.root, ", the toy world" if options.smoke else ""
    return f"measured on {measured}{made}{f' ({SMALL})' if options.smoke else ''}"


def _training_note(table: Table, options: Options, size: Size | None) -> str:
    """For how long; by method where they differ."""
    methods: dict[int, list[str]] = {}
    for row in table.rows:
        preset = find_preset(row.preset)
        asked = size.epochs_of(row.preset, table.task) if size else options.epochs
        if preset.model.learns:
            methods.setdefault(asked or preset.train.epochs, []).append(row.label)
    most = max(methods, key=lambda number: len(methods[number]))
    others = "".join(
        f" ({', '.join(labels)}: {number})" for number, labels in methods.items() if number != most
    )
    # Patience may have ended each run at another epoch.
    limit = "at most " * any(flag.startswith("--patience") for flag in _flags(table, options, size))
    unit = "epoch" if most == 1 else "epochs"
    return f"trained for {limit}{most} {unit}{others}, checkpoint {options.checkpoint}"


def _flags_note(table: Table, options: Options, size: Size | None) -> str:
    """Other settings than the presets'; where a method does not know one, it goes without."""
    flags = _flags(table, options, size)
    parts = [" ".join(flags)] if flags else []
    if size:
        parts += [f"{r.label} {size.own[r.preset]}" for r in table.rows if r.preset in size.own]
    return f"flags of train: {'; '.join(parts)}" if parts else ""


def _flags(table: Table, options: Options, size: Size | None) -> list[str]:
    chosen = size.train_args if size else options.train_args
    return flags_for([row.preset for row in table.rows], chosen)


def _posts_note(split: str, table: Table, results: Results) -> str:
    """How many test posts; by method, where a row is a mean over others than its neighbour."""
    methods: dict[int, list[str]] = {}
    for number, label in _posts(split, table, results):
        methods.setdefault(number, []).append(label)
    if len(methods) < 2:
        return "".join(f"{_split(split)}{number:,} test posts" for number in methods)
    most = max(methods, key=lambda number: len(methods[number]))
    others = "; ".join(
        f"{number:,} of {', '.join(dict.fromkeys(labels))}"
        for number, labels in methods.items()
        if number != most
    )
    return (
        f"{_split(split)}{most:,} test posts, but {others}: rows are means over different "
        "posts, because those without image features are left out where a method needs them"
    )


def _split(split: str) -> str:
    return "" if split == SHIPPED else f"split by {split}: "


def _posts(split: str, table: Table, results: Results) -> Iterator[tuple[int, str]]:
    """Yields the number of posts and the method of every run that was scored."""
    for row in table.lines:
        for context in (table.context, "all"):
            measured = results.get((table.task, row.preset, split, context))
            for metrics in measured.metrics if measured else ():
                if metrics.get("posts") is not None:
                    ending = ", context all" * (context == "all")
                    yield metrics["posts"], row.label + ending


def _features_note(results: Mapping) -> str:
    runs = [metrics for measured in results.values() for metrics in measured.metrics]
    names = sorted({run["extractor"] for run in runs if run.get("extractor")})
    described = [f"{name} ({UNTRAINED})" if is_random(name) else name for name in names]
    return f"image features of {', '.join(described)}" if names else ""
