"""The tables of the related systems: what is printed, prepared and held against the priors."""

import csv
import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest

from configuration import PRESETS, parse_config
from data_loader.feature_writer import write_features
from data_loader.view import open_view, read_description, write_view
from data_loader.vocabulary import SPECIAL_WORDS, Vocabulary
from scripts import reproduce
from scripts.reproduction import beaten, networks, prepare, smoke, smoke_sizes
from scripts.reproduction.networks import Features
from scripts.reproduction.options import Options
from scripts.reproduction.plan import Run, make_job, runs_of
from scripts.reproduction.priors import frequent_words, measure_priors
from scripts.reproduction.results import Measured, write_results
from scripts.reproduction.systems import SYSTEMS
from scripts.reproduction.tables import read_reported
from tests import small_world
from tests.scripts.test_reproduce import FakeProcesses
from utils.errors import UserError
from utils.metrics import HASHTAG_METRICS, SENTENCE_METRICS

RELATED = ("instagram-korean", "hashtag-story")
KOREAN, STORY = (SYSTEMS[name] for name in RELATED)
SMALL = "--word_dim 5 --hidden_dim 6"


def make_root(root: Path, *extractors: str) -> Path:
    """A root without users: hashtags, captions, and res4 features of these networks."""
    for task in ("caption", "hashtag"):
        subsets = {n: without_users(size, size) for n, size in small_world.POSTS.items()}
        vocabulary = Vocabulary([*SPECIAL_WORDS, *small_world.WORDS])
        idf = np.ones(len(vocabulary))
        write_view(root, task, "shipped", "none", subsets, vocabulary, ["nobody"], idf)
    random = np.random.default_rng(3)
    for extractor in extractors:
        features = random.normal(size=(small_world.IMAGES, 4, 6)).astype(np.float16)
        write_features(root, f"{extractor}-res4", features)
    return root


def without_users(posts: int, seed: int) -> dict:
    columns = small_world.make_subset(posts, seed)
    nobody = np.zeros(posts, np.int32)
    no_words = {"context_ids": np.zeros((posts, 0), np.int32), "context_length": nobody}
    image = small_world.image_names(np.arange(posts) % small_world.IMAGES)
    return columns | no_words | {"user": nobody, "image": image}


@pytest.mark.parametrize("system", RELATED)
def test_rows_are_presets_and_columns_are_metrics(system):
    known = {*HASHTAG_METRICS, *SENTENCE_METRICS}
    known |= {f"{part}{name}" for part in ("", "val_") for name in STORY.tables["stories"].metrics}
    for table in SYSTEMS[system].tables.values():
        assert {row.preset for row in table.rows} <= set(PRESETS)
        assert set(table.metrics) <= known and table.main in table.metrics
        printed = [name for names in table.parts().values() for name in names]
        assert sorted(printed) == sorted(table.metrics)
        reported = SYSTEMS[system].numbers(table)
        for source in table.reported:
            rows = {name for name, row in reported[source.source].items() if isinstance(row, dict)}
            assert rows <= {row.preset for row in table.lines}


def cells_of(text: str, row: str) -> list[str]:
    return re.search(rf"^{re.escape(row)} {{2,}}(.*)$", text, re.M).group(1).split()


def test_the_korean_tables_have_the_authors_numbers_beside_ours(tmp_path):
    table = KOREAN.tables["text"]
    run = {"Bleu_1_sentence": 0.25, "ROUGE_L_beta8": 0.5, "METEOR_exact": 0.125}
    results = {("caption", "diya-resnext", "shipped", "none"): Measured([run])}
    text = write_results(tmp_path, table, results, KOREAN.numbers(table), ())
    wanted = "0.2500 0.0738 0.5000 0.0982 0.1250 0.0664"
    assert " ".join(cells_of(text, "ResNeXt")) == wanted
    assert " ".join(cells_of(text, "prior: frequent words")) == "- - - - - -"
    assert (tmp_path / "table-text.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "table-text.md").read_text().splitlines()
    assert page[0] == f"### {table.title}" and "- one seed" in page
    latex = (tmp_path / "table-text.tex").read_text().splitlines()
    assert latex[0] == f"% {table.title}" and "% one seed" in latex


def test_the_hashtag_table_has_a_column_for_every_source(tmp_path):
    table = STORY.tables["hashtags"]
    numbers = {name: place / 100 for place, name in enumerate(table.metrics, 1)}
    results = {("hashtag", "soft-attention", "users", "none"): Measured([numbers])}
    moved = table.on("users")
    text = write_results(tmp_path, moved, results, STORY.numbers(moved), ())
    sequences, sets, ranks = text.split("Hashtags to stories: ")[1:]
    # BLEU-1 in the right order, as the README has it, as the slides have it; ROUGE-1 R.
    wanted = "0.010 0.051 0.083 0.020 0.084"
    assert cells_of(sequences, "soft attention")[:5] == wanted.split()
    assert cells_of(sets, "Show and Tell")[:2] == ["-", "0.281"]
    assert cells_of(ranks, "HARRISON: both") == ["-", "0.302", "-", "0.214", "-", "0.525"]
    assert "HARRISON: both" not in sequences + sets
    with open(tmp_path / "table-hashtags.csv", newline="") as file:
        rows = {row["preset"]: row for row in csv.DictReader(file)}
    assert rows["soft-attention"]["Bleu_1_sentence users slides"] == "0.0825"
    assert rows["VGG-Scene"]["accuracy_at_5 users HARRISON"] == "0.463"
    assert rows["prior-3"]["micro_precision users published"] == "0.0708"


def every_job(system: str, size: smoke.Size, options: Options) -> list:
    runs = [run for table in options.tables() for run in runs_of(table, size.seeds_of)]
    return [make_job(run, options, size.sizes_of(run.preset, run.task)) for run in runs]


@pytest.mark.parametrize("system", RELATED)
@pytest.mark.parametrize("tiny", [False, True])
def test_train_takes_the_planned_flags(system, tiny):
    options = Options(system=system, smoke=True, tiny=tiny)
    size = smoke_sizes.size_of(options)
    options = smoke.with_world(options, size)
    for job in every_job(system, size, options):
        config, run = parse_config(list(job.commands[0][3:])), job.run
        assert (config.preset, config.train.epochs) == (run.preset, size.epochs_of(*run[:2]))
        if run.task == "story":
            assert config.data.data_dir == options.stories and len(job.metrics) == 2
            assert job.commands[2][-2:] == ("--subset", "val")
            continue
        assert (config.data.task, config.data.split) == (run.task, "users")
        assert config.data.context == "none"
        named = PRESETS[run.preset].data.extractor
        assert config.data.extractor == (named if named == "pixels" else f"{named}_random")
        none = run.task == "caption"
        assert job.metrics[""].name == ("metrics-none.json" if none else "metrics.json")
        assert (job.commands[1][-1] == "none") == none


@pytest.mark.parametrize("system", RELATED)
def test_dry_run_prints_every_step(system, tmp_path, capsys):
    options = Options(system=system, smoke=True, dry_run=True, out=tmp_path / "out")
    reproduce.reproduce(options, FakeProcesses())
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    modules = [words[2] for words in lines]
    extracted = {line[line.index("--extractor") + 1]: line for line in lines if "--layer" in line}
    if system == "instagram-korean":
        assert modules.count("train") == modules.count("eval") == 8
        assert modules.count("scripts.build_dataset") == 2
        assert list(extracted) == ["resnet101", "resnext101_32x8d"]
    else:
        assert (modules.count("train"), modules.count("eval")) == (5, 7)
        assert modules.count("scripts.build_corpus") == 1
        assert list(extracted) == ["inception_v3", "resnet152", "pixels"]
        assert "--weights" not in extracted["pixels"]
    assert all("random" in line for name, line in extracted.items() if name != "pixels")
    assert not options.out.exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"system": "instagram-korean", "table": 3}, "--table 3 is none of instagram-korean"),
        ({"table": "text"}, "--table text is none of attend-to-you: expected 1 or 2 or 3"),
        ({"system": "hashtag-story", "splits": ("users",)}, "divided in one way alone"),
        ({"system": "hashtag-story", "only": ("diya-resnet",)}, "no row 'diya-resnet'"),
        ({"system": "instagram-korean", "source": "harrison"}, "expected kts or diya"),
        ({"system": "instagram-korean", "text": Path("a.txt")}, "--text is for the stories"),
        (
            {"system": "instagram-korean", "weights": ("a.h5",)},
            "give resnet101=FILE resnext101_32x8d=FILE",
        ),
        ({"system": "instagram-korean", "weights": ("vgg=a.h5",)}, "--weights vgg=.*expected one"),
        ({"system": "hashtag-story", "smoke": True, "weights": ("random",)}, "leave out --weights"),
        ({"system": "hashtag-story", "smoke": True, "text": Path("no.txt")}, "--text no.txt does"),
    ],
)
def test_flags_that_do_not_fit_together(settings, words):
    with pytest.raises(UserError, match=words):
        Options(**settings).check()


def test_one_network_needs_no_name(tmp_path):
    Options(system="instagram-korean", only=("diya-resnet",), weights=("a.h5",)).check()
    Options(system="hashtag-story", weights=("random",)).check()


def test_every_network_gets_its_weights(tmp_path):
    root = make_root(tmp_path / "data")
    files = [tmp_path / name for name in ("a.h5", "b.pth")]
    weights = (f"resnet101={files[0]}", f"resnext101_32x8d={files[1]}")
    options = Options(system="instagram-korean", images=tmp_path, weights=weights)
    wanted = networks.features_of(KOREAN.presets)
    with pytest.raises(UserError, match=r"a.h5 is no file; .*resnet_101.sh brings that of resnet"):
        prepare.extract_commands(root, wanted, options)
    for file in files:
        file.touch()
    commands = prepare.extract_commands(root, wanted, options)
    assert [command[8:] for command in commands] == [
        (str(files[0]), "--extractor", "resnet101", "--layer", "res4"),
        (str(files[1]), "--extractor", "resnext101_32x8d", "--layer", "res4"),
    ]
    with pytest.raises(UserError, match="--images and --weights resnet101=FILE resnext101_32x8d="):
        prepare.extract_commands(root, wanted, Options(system="instagram-korean"))
    pixels = [Features("pixels", "rgb227")]
    [command] = prepare.extract_commands(root, pixels, Options(images=tmp_path))
    assert "--weights" not in command


def test_random_features_are_others_than_learnt_ones(tmp_path):
    root, wanted = make_root(tmp_path / "data", "resnet101_random"), Features("resnet101", "res4")
    assert prepare.has_features(root, wanted, ["random"])
    assert not prepare.has_features(root, wanted, ["a.h5"])
    assert networks.trained_name("diya-resnet", ["random"]) == "resnet101_random"
    assert networks.trained_name("diya-resnet", ["resnext101_32x8d=random"]) is None
    assert networks.trained_name("alexnet", ["random"]) is None
    assert networks.trained_name("csmn-p5", ["random"]) is None


def test_missing_data_is_said_with_its_commands(tmp_path):
    wanted = [("hashtag", "shipped", "none")]
    options = Options(system="hashtag-story")
    with pytest.raises(
        UserError, match="build_dataset --source harrison --input DIR --task hashtag"
    ):
        prepare.build_commands(tmp_path, wanted, options)
    given = dataclasses.replace(options, source="harrison", input=tmp_path)
    [command] = prepare.build_commands(tmp_path, wanted, given)
    assert command[-6:] == ("--task", "hashtag", "--context", "none", "--out", str(tmp_path))
    assert "--split" not in command
    runs = [Run("char-rnn", "story", "shipped", "none", 0)]
    with pytest.raises(UserError, match=r"has no stories: give --text .*scripts\.build_corpus"):
        prepare.corpus_commands(runs, options)
    with pytest.raises(UserError, match="nowhere does not exist"):
        prepare.corpus_commands(runs, dataclasses.replace(options, text=tmp_path / "nowhere"))


def write_view_metrics(folder: str) -> None:
    """What eval would write of a caption or hashtag run, in both files that may be asked for."""
    config = json.loads((Path(folder) / "configuration.json").read_text())
    numbers = dict.fromkeys((*HASHTAG_METRICS, *SENTENCE_METRICS), 0.75)
    numbers |= {"posts": small_world.POSTS["test"], "extractor": config["data"]["extractor"]}
    (Path(folder) / "metrics.json").write_text(json.dumps(numbers))


@pytest.fixture
def korean(tmp_path, monkeypatch):
    """The hashtags of two rows, on data without users."""
    monkeypatch.setattr("tests.scripts.test_reproduce.evaluate", write_view_metrics)
    return Options(
        system="instagram-korean",
        table="hashtags",
        data_dir=make_root(tmp_path / "data", "resnet101", "resnext101_32x8d"),
        out=tmp_path / "out",
        only=("diya-resnet", "diya-resnext-look-back"),
        train_args=f"{SMALL} --attention_dim 4 --word_slots 8",
        epochs=2,
    )


def test_runs_priors_and_notes_of_posts_without_users(korean, capsys):
    processes = FakeProcesses()
    assert reproduce.reproduce(korean, processes) == {}
    assert processes.count("train") == processes.count("eval") == 2
    printed = capsys.readouterr().out
    wanted = ["0.7500", "0.1454", "0.7500", "0.2140", "0.7500", "0.1101"]
    assert cells_of(printed, "baseline") == wanted
    assert cells_of(printed, "ResNeXt")[0] == "-"
    assert 0 < float(cells_of(printed, "prior: 3 most frequent")[0]) < 1
    assert "\n11 test posts\n" in printed
    assert "image features of resnet101, resnext101_32x8d\n" in printed
    assert "trained for 2 epochs, checkpoint best" in printed
    again = FakeProcesses()
    reproduce.reproduce(korean, again)
    assert again.commands == []


def test_priors_beside_random_networks(korean, tmp_path, capsys):
    root = make_root(tmp_path / "random")
    image = np.ones((small_world.IMAGES, 4, 6))
    write_features(root, "resnet101_random-res4", image, failed={2: "broken"})
    options = dataclasses.replace(korean, data_dir=root, weights=("random",))
    reproduce.reproduce(dataclasses.replace(options, only=("diya-resnet",)), FakeProcesses())
    rows = open_view(root, "hashtag", "shipped", "none").subsets["test"].image_row
    seen = int((np.asarray(rows) != 2).sum())
    assert f"\n{seen} test posts, but 11 of baseline: " in capsys.readouterr().out


def test_a_missing_view_of_a_shipped_split_is_built_like_the_other(korean):
    view = korean.data_dir / "hashtag-shipped-none" / "view.json"
    described = read_description(view.parent)
    made = "python -m scripts.build_dataset --source crawl --input posts --task hashtag"
    described["settings"]["command"] = f"{made} --context none --out elsewhere"
    view.write_text(json.dumps(described))
    wanted = [("caption", "shipped", "none"), ("caption", "users", "none")]
    (korean.data_dir / "caption-shipped-none").rename(korean.out)
    commands = prepare.build_commands(korean.data_dir, wanted[:1], korean)
    assert commands[0][2:7] == ("scripts.build_dataset", "--source", "crawl", "--input", "posts")
    with pytest.raises(UserError, match="the split of a published data set"):
        prepare.build_commands(korean.data_dir, wanted[1:], korean)


def test_the_prior_of_texts_is_the_most_frequent_word_of_each_place(tmp_path):
    view = open_view(make_root(tmp_path / "data"), "caption", "shipped", "none")
    training = view.subsets["train"]
    rows = [ids[ids > 0].tolist() for ids in training.caption_ids]
    said = []
    for place in range(int(np.median([len(row) for row in rows]))):
        words = [row[place] for row in rows if len(row) > place and row[place] > 3]
        best = min(set(words), key=lambda word: (-words.count(word), word))
        said.append(view.vocabulary.words[best])
    assert frequent_words(view) == said and len(said) > 2
    found = measure_priors([KOREAN.tables["text"]], tmp_path / "data", tmp_path)
    measured = found["caption", "frequent-words", "shipped", "none"].metrics[0]
    assert 0 < measured["Bleu_1_sentence"] < 1 and measured["posts"] == small_world.POSTS["test"]


def test_priors_are_means_over_the_posts_that_methods_can_see(tmp_path):
    root = make_root(tmp_path / "data", "resnet101")
    image = np.ones((small_world.IMAGES, 4, 6))
    write_features(root, "resnext101_32x8d_random-res4", image, failed={1: "broken", 4: "missing"})
    for task, table in (("caption", KOREAN.tables["text"]), ("hashtag", KOREAN.tables["hashtags"])):
        subset = open_view(root, task, "shipped", "none").subsets["test"]
        seen = int((~np.isin(subset.image_row, [1, 4])).sum())
        assert 0 < seen < len(subset)
        for weights, posts in ((["resnext101_32x8d=random"], seen), ([], len(subset))):
            found = measure_priors([table], root, tmp_path, weights)
            assert {one.metrics[0]["posts"] for one in found.values()} == {posts}


def test_trained_rows_must_beat_every_prior():
    table = KOREAN.tables["hashtags"]

    def at(preset, *values):
        runs = [{"micro_F1": value, "posts": 100} for value in values]
        return {("hashtag", preset, "shipped", "none"): Measured(runs)}

    priors = at("prior-1", 0.2) | at("prior-3", 0.4) | at("prior-5", 0.3)
    text, held = beaten.check_priors([table], priors | at("diya-resnet", 0.5, 0.6))
    assert held and re.search(r"baseline +F1 +0.550 +0.400 +0.071 +yes$", text, re.M)
    assert beaten.check_priors([table], priors | at("diya-resnet", 0.46))[1]
    for values in [(0.4,), (0.44,), (0.44, 0.44), (0.3, 0.6), ()]:  # 0.05 is the margin of one run
        text, held = beaten.check_priors([table], priors | at("diya-resnet", *values))
        assert not held and " NO" in text
    assert beaten.check_priors([table], priors) == (f"{beaten.TITLE}: nothing was trained", True)


def test_reported_numbers_are_what_the_files_say():
    assert KOREAN.numbers(KOREAN.tables["text"]) == read_reported("instagram_korean")
    paper = SYSTEMS["attend-to-you"]
    assert paper.numbers(paper.tables[2]) == read_reported()["table_2"]


def test_hashtags_are_built_without_the_tokenizer_of_captions(tmp_path):
    flags = "--min_count 2 --tokenizer whitespace --jobs 1"
    given = Options(
        system="instagram-korean", source="kts", input=tmp_path, build_args=flags, out=tmp_path
    )
    wanted = [("caption", "shipped", "none"), ("hashtag", "shipped", "none")]
    texts, tags = prepare.build_commands(tmp_path, wanted, given)
    assert " ".join(texts[7:]).startswith(flags)
    assert " ".join(tags[7:]).startswith("--min_count 2 --jobs 1 --task hashtag")
