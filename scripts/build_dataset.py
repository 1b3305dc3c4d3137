"""Builds one view of a data root from raw posts.

    python -m scripts.build_dataset --source crawl --input posts.jsonl --task caption --out data
    python -m scripts.build_dataset --source instapic --input instapic/ --task hashtag --out data
    python -m scripts.build_dataset --source kts --input kts/ --task caption --out korean

A crawl is filtered as in section 3.1 of the paper, and every number is a flag. The published data
sets keep their posts and their split; those that do not say who wrote what have no user contexts
(their view is TASK-shipped-none). What was removed, and the statistics of the paper's Table 1,
are printed and kept in report.json.
"""

from data_loader.build import build_view
from data_loader.build_options import BuildOptions
from data_loader.report import format_report
from data_loader.view import REPORT, read_json
from utils.command_line import parse
from utils.errors import run_command


def main() -> None:
    """Builds the view that the command line describes."""
    folder, built = build_view(parse(BuildOptions))
    print(format_report(read_json(folder / REPORT)))
    print(f"\n{folder}: {'built' if built else 'already there, built with the same settings'}")


if __name__ == "__main__":
    run_command(main)
