"""Makes a corpus for character models from text files.

    python -m scripts.build_corpus --input stories/ --out data/stories
    python -m scripts.build_corpus --input nlds-PersonaBank --out data/persona --cleaned

A folder's .txt files (UTF-8) are the stories; a single file is cut into training, validation and
test text. `python -m train --preset char-rnn --data_dir data/stories` learns from it.
"""

from data_loader.corpus import Corpus, CorpusOptions, build_corpus
from utils.command_line import parse
from utils.errors import run_command

SKIPPED_SHOWN = 10


def main() -> None:
    """Builds the corpus that the command line describes and says what is in it."""
    print(report(build_corpus(parse(CorpusOptions))))


def report(corpus: Corpus) -> str:
    """What the corpus has, and which files it does not have."""
    about = corpus.description
    form, different = about["settings"]["form"], about["different_characters"]
    lines = [f"{corpus.folder}: {form} text, {different} different characters"]
    for name, counts in about["subsets"].items():
        numbers = "; ".join(f"{counts[key]:,} {key}" for key in ("stories", "characters"))
        lines.append(f"{name:5}  {numbers}; {counts['unknown']:,} of them unknown")
    skipped = about["skipped"]
    if skipped:
        lines.append(f"skipped {len(skipped):,} files without text:")
        shown = list(skipped.items())[:SKIPPED_SHOWN]
        lines += [f"  {name}: {reason}" for name, reason in shown]
    if len(skipped) > SKIPPED_SHOWN:
        lines.append(f"  ... and {len(skipped) - SKIPPED_SHOWN:,} more (corpus.json names them)")
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)
