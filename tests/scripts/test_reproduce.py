"""Planning, running, resuming, failing and printing, with a fake runner that learns nothing."""

import csv
import dataclasses
import json
import math
import re
from pathlib import Path

import pytest

import train as trainer
from configuration import PRESETS, parse_config
from data_loader.view import open_view
from scripts import reproduce
from scripts.frequent_tags import score_prior
from scripts.reproduction import dataset_table, smoke
from scripts.reproduction.attend_to_you import ATTEND_TO_YOU, FULL, PRIOR, TABLES
from scripts.reproduction.done import Data, is_done
from scripts.reproduction.options import Options
from scripts.reproduction.plan import Run, make_job, runs_of
from scripts.reproduction.priors import with_features
from scripts.reproduction.tables import read_reported
from tests import small_world
from utils.errors import UserError
from utils.files import write_json

METRICS = {"F1": 0.5, "Bleu_1": 0.25, "CIDEr": 0.75, "METEOR": 0.125, "ROUGE_L": 0.375}
METRICS |= {f"Bleu_{n}": 0.1 / n for n in (2, 3, 4)}


class FakeProcesses:
    """Does to the run folder what train and eval would, without learning anything."""

    def __init__(self, fail: str = "", interrupt_at: float = math.inf):
        self.commands: list[tuple[str, ...]] = []
        self._fail, self._interrupt_at = fail, interrupt_at

    def __call__(self, command, log):
        self.commands.append(tuple(command[2:]))
        if len(self.commands) >= self._interrupt_at:
            raise KeyboardInterrupt
        values = dict(zip(command[3::2], command[4::2], strict=False))
        log.parent.mkdir(parents=True, exist_ok=True)
        if self._fail and self._fail in values.get("--run_dir", ""):
            log.write_text("fine so far\nerror: the disk is full\n\n")
            return 2
        if command[2] == "train":
            train(command[3:])
        elif command[2] == "eval":
            evaluate(values["--run_dir"])
        return 0

    def stop(self):
        pass

    def count(self, module):
        return sum(command[0] == module for command in self.commands)


def train(arguments):
    config = parse_config(list(arguments))
    data = trainer.open_data(config)
    config = trainer.with_extractor(config, data.training)
    folder = config.run_dir
    if config.model.learns:
        write(folder / "checkpoints" / "7" / "state.json", {"epoch": config.train.epochs})
    write(folder / "configuration.json", trainer.run_settings(config, data))


def evaluate(folder):
    config = json.loads((Path(folder) / "configuration.json").read_text())
    posts = small_world.POSTS["test"] - (config["features"] is not None)
    made_by = {"posts": posts, "extractor": config["data"]["extractor"], "checkpoint": "best"}
    numbers = {name: value + int(folder[-1]) / 10 for name, value in METRICS.items()}
    write(Path(folder) / "metrics.json", numbers | made_by)


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, value)


@pytest.fixture
def root(tmp_path):
    """A data root with both tasks' views and pool5 features."""
    return small_world.make_world(tmp_path / "data")


@pytest.fixture
def options(tmp_path, root):
    """Table 2, of three methods, without the leak (the small world has no view for it)."""
    only = (FULL, "1nn-im", "seq2seq")
    out = tmp_path / "out"
    return Options(
        table=2,
        data_dir=root,
        out=out,
        only=only,
        leak=False,
        epochs=3,
        train_args="--user_words 6",
    )


def test_every_reported_number_has_a_row_and_every_row_a_preset():
    reported = read_reported()
    for number, table in TABLES.items():
        presets = [row.preset for row in table.rows]
        assert set(presets) <= set(PRESETS) and len(set(presets)) == len(presets)
        assert set(reported[f"table_{number}"]) == set(table.splits)
        for numbers in reported[f"table_{number}"].values():
            assert [name for name in presets if name in numbers] == list(numbers)
            assert len(numbers) == 13  # as many rows as the paper's tables have
            assert all(set(row) == set(table.metrics) for row in numbers.values())


def test_the_whole_smoke_has_all_rows_splits_and_seeds():
    runs = [run for table in TABLES.values() for run in runs_of(table, smoke.WHOLE.seeds_of)]
    # 15 and 2 x 16 rows, 4 of them with two more seeds, and the leak with 3.
    assert len(runs) == len(set(runs)) == (15 + 4 * 2 + 3) + 2 * (16 + 4 * 2 + 3)
    assert Run(FULL, "hashtag", "posts", "all", 2) in runs
    assert Run("seq2seq", "hashtag", "posts", "others", 1) not in runs


def test_a_table_without_any_of_the_rows_is_left_out():
    tables = Options(smoke=True, only=("csmn-separate-p5",)).tables()
    assert [(table.name, len(table.rows)) for table in tables] == [("table3", 16)]


def test_one_row_more_leaves_the_others_in_the_table(options):
    reproduce.reproduce(options, FakeProcesses())
    processes = FakeProcesses()
    reproduce.reproduce(dataclasses.replace(options, only=("show-tell",)), processes)
    assert [command[2] for command in processes.commands if command[0] == "train"] == ["show-tell"]
    with open(options.out / "table2.csv", newline="") as file:
        rows = {row["preset"]: row["Bleu_1 users"] for row in csv.DictReader(file)}
    assert list(rows) == [row.preset for row in TABLES[2].rows]
    filled = [preset for preset, number in rows.items() if number]
    assert filled == ["seq2seq", "show-tell", "1nn-im", FULL]
    assert re.search(r"^AttendTell\* +- +0.106", (options.out / "table2.txt").read_text(), re.M)


def test_runs_of_other_settings_are_no_part_of_the_table(options):
    reproduce.reproduce(options, FakeProcesses())
    other = dataclasses.replace(options, only=("show-tell",), batch_size=9)
    reproduce.reproduce(other, FakeProcesses())
    assert re.search(r"^seq2seq +- +0.050", (options.out / "table2.txt").read_text(), re.M)


def test_chosen_splits_and_the_leak_are_what_is_trained():
    chosen = Options(table=3, only=(FULL,), splits=("posts",), leak=False)
    every = runs_of(TABLES[3], lambda _: 1)
    runs = [run for run in every if chosen.chooses(run.preset, run.split, run.context)]
    assert runs == [Run(FULL, "hashtag", "posts", "others", 0)]


@pytest.mark.parametrize("preset", ATTEND_TO_YOU.presets)
@pytest.mark.parametrize("size", [smoke.WHOLE, smoke.TINY])
def test_train_takes_the_planned_flags(preset, size):
    run = Run(preset, "hashtag", "posts", "all", 2)
    train_command, eval_command = make_job(
        run, Options(smoke=True), size.sizes_of(preset, "hashtag")
    ).commands
    config = parse_config(list(train_command[3:]))
    assert (config.preset, config.data.task, config.data.split) == (preset, "hashtag", "posts")
    assert (config.data.context, config.train.seed) == ("all", 2)
    assert str(config.run_dir) == eval_command[4]
    if config.model.learns:
        assert (config.train.epochs, config.train.num_gpus) == (size.epochs["hashtag"], 0)
        assert getattr(config.model, "word_dim", None) in (12, 64)


def test_runs_everything_once_and_prints_it_beside_the_paper(options, capsys):
    processes = FakeProcesses()
    assert reproduce.reproduce(options, processes) == {}
    assert processes.count("train") == processes.count("eval") == 3
    printed = capsys.readouterr().out
    assert re.search(r"\[3/3\] csmn-p5-caption-users-others-seed0: done in \d+:\d\d;", printed)
    first = re.search(r"^seq2seq +(.*)$", printed, re.M).group(1).split()
    assert first[:4] == ["0.250", "0.050", "0.050", "0.012"]
    again = FakeProcesses()
    reproduce.reproduce(options, again)
    assert again.commands == []


def test_every_hashtag_table_has_the_image_free_prior(options, capsys):
    options = dataclasses.replace(options, table=3, only=("1nn-im",), splits=("users",), seeds=2)
    assert reproduce.reproduce(options, FakeProcesses()) == {}
    view = open_view(options.data_dir, "hashtag")
    subset = view.subsets["test"]
    seen = with_features(view, subset, ["1nn-im"], ())
    assert (len(subset), len(seen)) == (11, 10)  # as the rows that see have
    prior = score_prior(view, subset, posts=seen)
    printed = capsys.readouterr().out
    cells = re.search(r"^most frequent tags\* +(.*)$", printed, re.M).group(1).split()
    assert cells == [f"{prior['F1']:.3f}", "-", "-", "-"]  # no view of the other split
    assert "over seeds (2 per row)" in printed
    assert "split by users: 10 test posts\n" in printed
    with open(options.out / "table3.csv", newline="") as file:
        *_, row = csv.DictReader(file)
    assert (row["preset"], row["F1 users seeds"]) == (PRIOR, "1")
    assert float(row["F1 users"]) == pytest.approx(prior["F1"], abs=1e-6)


def test_files_say_the_same(options):
    options = dataclasses.replace(options, seeds=3)
    reproduce.reproduce(options, FakeProcesses())
    with open(options.out / "table2.csv", newline="") as file:
        rows = {row["preset"]: row for row in csv.DictReader(file)}
    ours = rows[FULL]
    assert math.isclose(float(ours["CIDEr users"]), 0.85) and ours["CIDEr users seeds"] == "3"
    assert math.isclose(float(ours["CIDEr users std"]), 0.1)
    assert ours["CIDEr users paper"] == "0.214"
    for ending in ("txt", "md", "tex"):
        text = (options.out / f"table2.{ending}").read_text()
        assert ("0.850$\\pm$0.100" if ending == "tex" else "0.850±0.100") in text
    assert (options.out / "table2.png").read_bytes().startswith(b"\x89PNG")


def test_a_failing_method_leaves_the_others_alone(options, capsys):
    failed = reproduce.reproduce(options, FakeProcesses(fail="seq2seq"))
    assert list(failed) == ["seq2seq-caption-users-others-seed0"]
    printed = capsys.readouterr().out
    assert "error: the disk is full (log: " in printed
    cells = re.search(r"^seq2seq +(.*)$", printed, re.M).group(1).split()
    assert cells[:2] == ["failed", "0.050"]
    assert re.search(r"^CSMN-P5 +0.250", printed, re.M)
    with pytest.raises(SystemExit) as ended:
        reproduce.print_done(failed, options)
    assert ended.value.code == 1


def test_goes_on_after_an_interruption(options):
    with pytest.raises(KeyboardInterrupt):
        reproduce.reproduce(options, FakeProcesses(interrupt_at=4))  # the second eval
    rest = FakeProcesses()
    reproduce.reproduce(options, rest)
    assert [command[0] for command in rest.commands] == ["train", "eval"] * 2


def test_more_epochs_go_on_and_other_settings_are_refused(options):
    reproduce.reproduce(options, FakeProcesses())
    more = dataclasses.replace(options, epochs=5)
    again = FakeProcesses()
    reproduce.reproduce(more, again)
    assert again.count("train") == 2  # not the search, which has no epochs
    for change in ({"epochs": 4}, {"epochs": 5, "batch_size": 9}):
        with pytest.raises(UserError, match=r"was run with other settings .*(5, not 4|200, not 9)"):
            reproduce.reproduce(dataclasses.replace(options, **change), FakeProcesses())


@pytest.fixture
def finished(options):
    """One of three runs that are done."""
    reproduce.reproduce(options, FakeProcesses())
    job = make_job(Run(FULL, "caption", "users", "others", 0), options)
    assert is_done(job, Data(options.root))
    return job


def test_a_run_without_its_evaluation_or_trained_after_it_is_not_done(options, finished):
    write(finished.folder / "checkpoints" / "9" / "state.json", {"epoch": 3})
    assert not is_done(finished, Data(options.root))
    evaluate(str(finished.folder))
    assert is_done(finished, Data(options.root))
    finished.metrics[""].unlink()
    assert not is_done(finished, Data(options.root))


def test_a_half_trained_run_is_not_done_even_when_evaluated(options, finished):
    write(finished.folder / "checkpoints" / "7" / "state.json", {"epoch": 2})
    evaluate(str(finished.folder))
    assert not is_done(finished, Data(options.root))


def test_a_run_out_of_patience_is_done_until_it_is_given_more(options):
    def left_of(patience, waited=None):
        flags = f"{options.train_args} --patience {patience}" if patience else options.train_args
        job = make_job(run, dataclasses.replace(options, train_args=flags))
        if waited is not None:
            FakeProcesses()(job.commands[0], options.out / "log")
            write(job.folder / "checkpoints" / "7" / "state.json", {"epoch": 2, "waited": waited})
            evaluate(str(job.folder))
        return not is_done(job, Data(options.root))

    run = Run(FULL, "caption", "users", "others", 0)
    assert left_of(2, waited=1) and not left_of(2, waited=2)
    assert left_of(3) and left_of(None)
    with pytest.raises(UserError, match=r"train\.patience 2, not 1"):
        left_of(1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vocabulary_sha256": "of other words"}, "vocabulary_sha256 of other wor, not "),
        ({"features": "another network"}, "features another netw, not "),
        ({"training_posts": {"number": 5}}, "training_posts.number 5, not "),
    ],
)
def test_runs_of_other_data_are_refused(options, finished, change, words):
    recorded = json.loads((finished.folder / "configuration.json").read_text())
    write(finished.folder / "configuration.json", recorded | change)
    with pytest.raises(UserError, match=words):
        is_done(finished, Data(options.root))


def test_test_posts_that_got_their_features_later_are_evaluated(options, finished):
    write(finished.metrics[""], json.loads(finished.metrics[""].read_text()) | {"posts": 2})
    assert not is_done(finished, Data(options.root))


def test_the_last_checkpoint_has_metrics_of_its_own(options):
    options = dataclasses.replace(options, checkpoint="last")
    trained = make_job(Run(FULL, "hashtag", "users", "others", 0), options)
    searched = make_job(Run("1nn-im", "hashtag", "users", "others", 0), options)
    assert trained.commands[1][-2:] == ("--checkpoint", "last")
    assert trained.metrics[""].name == "metrics-last.json"
    assert searched.metrics[""].name == "metrics.json"


def test_preparations_have_a_runner_of_their_own(options):
    processes, preparing = FakeProcesses(), FakeProcesses()
    more = dataclasses.replace(
        options, only=("attend-tell",), images=options.root, weights=("random",), train_args=""
    )
    reproduce.reproduce(more, processes, preparing)
    assert preparing.count("scripts.extract_features") == len(preparing.commands) == 1
    assert processes.count("train") == 1


def test_dry_run_does_nothing_and_prints_what_would_be_done(options, capsys):
    processes = FakeProcesses()
    reproduce.reproduce(dataclasses.replace(options, dry_run=True), processes)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == ["train", "eval"] * 3
    assert processes.commands == [] and not options.out.exists()


def test_table_1_from_the_reports_of_the_views(tmp_path, root, capsys):
    for task, other, posts in (("caption", None, 1_500), ("hashtag", "caption-users-others", 900)):
        numbers = {"posts": posts, "users": 7, "posts_per_user_average": 214.29}
        numbers |= {"posts_per_user_median": 210, "words_per_post_average": 8.125}
        report = {"statistics": numbers | {"words_per_post_median": 8.0}}
        report["both_tasks"] = {"posts": 2_000, "users": 9, "other_view": other}
        write(root / f"{task}-users-others" / "report.json", report)
    processes, out = FakeProcesses(), tmp_path / "out"
    reproduce.reproduce(Options(table=1, data_dir=root, out=out), processes)
    assert processes.commands == []
    rows = {line[:16].strip(): line[16:].split() for line in capsys.readouterr().out.splitlines()}
    wanted = "1,500 721,176 7 4,820 214.3 (210) 149.6 (118) 8.12 (8) 8.55 (8)"
    assert " ".join(rows["caption"]) == wanted
    assert rows["hashtag"][:2] == ["900", "518,116"]
    assert rows["unique over both"] == ["2,000", "1,124,815", "9", "6,315", *"----"]
    with open(out / "table1.csv", newline="") as file:
        caption = next(csv.DictReader(file))
    assert (caption["words_per_post_average"], caption["words_per_post_average paper"]) == (
        "8.125",
        "8.55",
    )
    assert {path.suffix for path in out.iterdir()} == {".txt", ".md", ".tex", ".csv", ".png"}


def test_table_1_takes_whatever_view_of_a_task_is_there(tmp_path):
    root = small_world.make_view(tmp_path, "caption").parent
    (root / "caption-users-others").rename(root / "caption-posts-all")
    assert dataset_table.views_of_tasks(root) == [
        ("caption", "posts", "all"),
        ("hashtag", "users", "others"),
    ]
