"""Damaged files of people: predictions, studies, histories, word vectors, settings."""

import csv
import io
import json
import random
import zlib
from functools import cache
from pathlib import Path

import numpy as np

from configuration import PRESETS, Config, check, find_preset, resolve
from data_loader.history import read_history
from data_loader.vocabulary import SPECIAL_WORDS, Vocabulary
from data_loader.word_vectors import read_word_vectors
from scripts.reproduction.results import read_metrics
from scripts.torture import samples
from scripts.torture.damage import damage, damage_json, odd_record, odd_text
from scripts.torture.stored import crawled_view
from scripts.user_study.answers import read_answers
from scripts.user_study.key import CROWD, PAGE, Asked, Key
from utils.errors import UserError
from utils.predictions import read_predictions, write_predictions
from utils.run_folder import RunFolder


def predictions_case(rng: random.Random, folder: Path) -> bool:
    """predictions.jsonl: each line is a row, or the file is refused; what is written is read."""
    path = folder / "predictions.jsonl"
    data = samples.predictions(rng)
    path.write_bytes(damage(rng, data) if rng.random() < 0.9 else data)
    rows = read_predictions(path)
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    lines = data.removesuffix(b"\n").split(b"\n")
    assert str(rows) == str([json.loads(line) for line in lines])  # NaN is not equal to itself
    write_predictions(folder / "again.jsonl", rows)
    assert str(read_predictions(folder / "again.jsonl")) == str(rows)
    return True


def written_predictions_case(rng: random.Random, folder: Path) -> bool:
    """Rows with odd fields: refused before anything is written, or read back as they were."""
    good = {"id": "u/1", "prediction": "a dog", "references": ["a dog runs"], "text": "a"}
    rows = [odd_record(rng, good | {"id": f"u/{n}"}) for n in range(3)]
    path = folder / "predictions.jsonl"
    try:
        write_predictions(path, rows)
    except UserError:
        assert not path.exists()
        raise
    assert str(read_predictions(path)) == str(rows)
    return True


def configuration_case(rng: random.Random, folder: Path) -> bool:
    """configuration.json: a value of another kind is refused by name, before it is used."""
    config = find_preset(rng.choice(list(PRESETS)))
    values = config.to_dict()
    for name in ("data", "model", "train"):
        if rng.random() < 0.3:
            values[name] = odd_record(rng, values[name])
    data = json.dumps(values).encode()
    data = damage(rng, data) if rng.random() < 0.8 else damage_json(rng, odd_record(rng, values))
    (folder / "configuration.json").write_bytes(data)
    found = Config.from_dict(RunFolder.open(folder).configuration)
    check(found)
    resolve(found)
    assert Config.from_dict(found.to_dict()) == found
    return True


def log_case(rng: random.Random, folder: Path) -> bool:
    """log.jsonl: whole lines are read, a damaged one is left out, none before it is lost."""
    (folder / "configuration.json").write_text("{}")
    run = RunFolder.open(folder)
    lines = [json.dumps({"step": step, "loss": 1 / step}).encode() for step in range(1, 6)]
    run.log.write_bytes(b"\n".join(lines) + b"\n")
    if rng.random() < 0.5:  # one line alone is damaged
        which = rng.randrange(len(lines))
        lines[which] = damage(rng, lines[which]).replace(b"\n", b" ")
        run.log.write_bytes(b"\n".join(lines) + b"\n")
        others = [json.loads(line) for n, line in enumerate(lines) if n != which]
        assert [record for record in run.records() if record in others] == others
    else:
        run.log.write_bytes(damage(rng, run.log.read_bytes()))
    before = run.records()
    run.truncate_log(3)
    kept = [record for record in before if record.get("step", 0) <= 3]
    assert str(run.records()) == str(kept)
    return True


def metrics_case(rng: random.Random, folder: Path) -> bool:
    """metrics.json of runs, as the tables read it."""
    metrics = {"BLEU-1": 0.5, "F1": None, "checkpoint": "best", "step": 300, "perplexity": 12.5}
    path = folder / "metrics.json"
    path.write_bytes(damage_json(rng, odd_record(rng, metrics)))
    assert isinstance(read_metrics(path), dict)
    return True


def answers_case(rng: random.Random, folder: Path) -> bool:
    """Answers of a study: the pages' are whole or refused, a site's table is read as it stands."""
    if rng.random() < 0.5:
        path, good = folder / "answers.json", _page()
    else:
        path, good = folder / "answers.csv", _table()
    path.write_bytes(damage(rng, good) if rng.random() < 0.9 else good)
    answers = read_answers([path], [_key()], "choice")
    assert all(choice in (1, 2) for choice in answers.given.values())
    assert {question for question, _ in answers.given} <= set(_key().items)
    if path.suffix == ".json":  # the checksum holds them together
        assert sorted(answers.given.values()) == [1, 2], answers.given
    return True


def _page() -> bytes:
    values = {"study": "s", "page": 1, "saved": "2026-01-01", "answers": {"q1": "1", "q2": "2"}}
    lines = ["s", "1", "2026-01-01", "q1 1", "q2 2"]
    checksum = format(zlib.crc32("\n".join(lines).encode()), "08x")
    return json.dumps(values | {"crc32": checksum}).encode()


def _table() -> bytes:
    file = io.StringIO()
    header = ("Input.question", "WorkerId", "AssignmentStatus", "Answer.choice")
    rows = (("q3", "w1", "Approved", "1"), ("q4", "w1", "Rejected", "2"), ("q3", "w2", "", ""))
    csv.writer(file).writerows([header, *rows])
    return file.getvalue().encode()


@cache
def _key() -> Key:
    sheets = {"q1": f"{PAGE} 1", "q2": f"{PAGE} 1", "q3": f"{CROWD} 1", "q4": f"{CROWD} 1"}
    items = {name: Asked(sheet, "p", 0, 1) for name, sheet in sheets.items()}
    return Key("s", "caption", 0, 1, ("p",), {}, ({},), (), items)


def history_case(rng: random.Random, folder: Path) -> bool:
    """Somebody's earlier posts: every line with something on it is a post."""
    texts = [odd_text(rng, 12).encode("utf-8", "ignore") for _ in range(4)]
    if rng.random() < 0.5:
        path, data = folder / "posts.txt", b"\n".join(text.replace(b"\n", b" ") for text in texts)
    else:
        rows = [odd_record(rng, {"text": "so sunny", "hashtags": ["sun"]}) for _ in texts]
        path, data = folder / "posts.jsonl", b"\n".join(json.dumps(r).encode() for r in rows)
    path.write_bytes(damage(rng, data) if rng.random() < 0.6 else data)
    history = read_history(path, crawled_view())
    text = path.read_bytes().decode("utf-8-sig")
    assert history.posts == sum(bool(line.strip()) for line in text.split("\n"))
    return True


def vectors_case(rng: random.Random, folder: Path) -> bool:
    """Word vectors: finite, of the right width, and those that the file has."""
    words = [*SPECIAL_WORDS, "sun", "sea", "sand"]
    good = b"3 2\n" if rng.random() < 0.5 else b""
    good += b"sun 0.5 -1\nsea 1e3 0\nsand 1 1\n"
    path = folder / "words.vec"
    path.write_bytes(damage(rng, good) if rng.random() < 0.9 else good)
    vectors = read_word_vectors(path, words, 2)
    assert vectors.vectors.shape == (len(vectors.ids), 2) and np.isfinite(vectors.vectors).all()
    return True


def vocabulary_case(rng: random.Random, folder: Path) -> bool:
    """A list of words: saved again, it is the same list."""
    good = "\n".join([*SPECIAL_WORDS, "sun", "바다", "❤"]).encode() + b"\n"
    path = folder / "vocabulary.txt"
    path.write_bytes(damage(rng, good) if rng.random() < 0.9 else good)
    words = Vocabulary.load(path).words
    Vocabulary(words).save(path)
    assert Vocabulary.load(path).words == words
    return True
