"""What stands below a table of results: on what, of what and for how long it was measured."""

from collections.abc import Iterator, Mapping

from configuration import TrainConfig
from scripts.reproduction.options import Options
from scripts.reproduction.results import Results
from scripts.reproduction.tables import Table

TOY = "the toy world at a small size: compare these numbers with one another, not with the paper's"
BLIND = "_random"  # how the names of networks of random weights end


def notes_of(table: Table, results: Results, options: Options, epochs: int | None) -> list[str]:
    """One line per note.

    Args:
        table: the table.
        results: of `results.collect`.
        options: the command line.
        epochs: of training, None for the default.
    """
    own = {key: one for key, one in results.items() if key[0] == table.task}
    world = f" ({TOY})" if options.smoke else ""
    epochs = epochs or TrainConfig().epochs
    notes = [f"measured on {options.root}{world}"]
    notes += [_posts_note(split, table, own) for split in table.splits]
    notes += [_features_note(own), f"trained for {epochs} epochs, checkpoint {options.checkpoint}"]
    return [note for note in notes if note]


def _posts_note(split: str, table: Table, results: Results) -> str:
    """How many test posts; by method, where a row is a mean over others than its neighbour."""
    methods: dict[int, list[str]] = {}
    for number, label in _posts(split, table, results):
        methods.setdefault(number, []).append(label)
    if len(methods) < 2:
        return "".join(f"split by {split}: {number:,} test posts" for number in methods)
    most = max(methods, key=lambda number: len(methods[number]))
    others = "; ".join(
        f"{number:,} of {', '.join(dict.fromkeys(labels))}"
        for number, labels in methods.items()
        if number != most
    )
    return (
        f"split by {split}: {most:,} test posts, but {others}: rows are means over different "
        "posts, because those without image features are left out where a method needs them"
    )


def _posts(split: str, table: Table, results: Results) -> Iterator[tuple[int, str]]:
    """Yields the number of posts and the method of every run that was scored."""
    for row in table.lines:
        for context in ("others", "all"):
            measured = results.get((table.task, row.preset, split, context))
            for metrics in measured.metrics if measured else ():
                if metrics.get("posts") is not None:
                    ending = ", context all" * (context == "all")
                    yield metrics["posts"], row.label + ending


def _features_note(results: Mapping) -> str:
    runs = [metrics for measured in results.values() for metrics in measured.metrics]
    names = sorted({run["extractor"] for run in runs if run.get("extractor")})
    described = [
        f"{name} (random weights: never learnt to see)" if name.endswith(BLIND) else name
        for name in names
    ]
    return f"image features of {', '.join(described)}" if names else ""
