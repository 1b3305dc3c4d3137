"""The page's JSON API and what starts it, on runs that never learnt."""

import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from starlette.websockets import WebSocketDisconnect

from configuration import PRESETS, DecodingOptions
from model import encoders
from scripts.web_demo import __main__ as command
from scripts.web_demo import api
from scripts.web_demo import models as models_module
from scripts.web_demo.app import make_app
from scripts.web_demo.cards import answers_html, veil_uri
from scripts.web_demo.gate import hosts_of, is_known
from scripts.web_demo.models import Answer, Models, Person, Question, load_models, names_of
from scripts.web_demo.uploads import open_picture
from tests.pictured_world import make_run, tiny_network
from tests.shared_data import REPOSITORY
from utils.errors import UserError


@pytest.fixture(scope="module")
def models(pictured_world, tmp_path_factory) -> Models:
    """Two runs that never learnt, a caption and a hashtag one."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoders, "build_network", tiny_network)
        for task in ("caption", "hashtag"):
            make_run(pictured_world, folder / task, task=task)
        yield load_models([folder / "caption", folder / "hashtag"])


@pytest.fixture(scope="module")
def client(models):
    return TestClient(make_app(models, page=False), base_url="http://127.0.0.1")


@pytest.fixture(scope="module")
def photo(pictured_world) -> bytes:
    return sorted((pictured_world / "images").iterdir())[0].read_bytes()


def post(client, photo: bytes, **fields: object):
    return client.post("/api/caption", files={"picture": ("evil.svg", photo)}, data=fields)


def test_captions_are_those_of_the_library(client, models, photo):
    reply = post(client, photo, user=["ann", "ben"])
    assert reply.status_code == 200
    found = reply.json()["captions"]
    asked = [(user, run) for user in ("ann", "ben") for run in ("caption", "hashtag")]
    assert [(row["user"], row["run"]) for row in found] == asked
    for row in found:
        [caption] = models.runs[row["run"]].caption([photo], user=row["user"])
        assert (row["text"], row["words"]) == (caption.text, caption.words)
        assert row["user_words"] == caption.user_words
        assert row["log_probability"] == pytest.approx(caption.log_probability)
    [beamed] = post(client, photo, run="caption", user="ann", beam_size=3).json()["captions"]
    [caption] = models.runs["caption"].caption([photo], user="ann", beam_size=3)
    assert (beamed["text"], caption.log_probability > found[0]["log_probability"]) == (
        caption.text,
        True,
    )


def test_attention_is_that_of_each_word(client, photo):
    [row] = post(client, photo, run="caption", user="eve", attention=True).json()["captions"]
    found = row["attention"]
    assert found["words"] and found["user_words"] == row["user_words"]
    total = np.sum(found["user"], 1) + np.sum(found["written"], 1) + np.sum(found["image"], (1, 2))
    np.testing.assert_allclose(total, 1, atol=1e-3)
    assert "attention" not in post(client, photo).json()["captions"][0]


def test_styles_are_given_in_one_of_three_ways(client, models, photo):
    run = models.runs["caption"]
    [words] = post(client, photo, run="caption", words="lake nonsense boat").json()["captions"]
    assert words["user_words"] == ["lake", "boat"]
    [posts] = post(client, photo, run="caption", posts="a lake\na hill").json()["captions"]
    assert posts["user_words"] == run.context_words(posts="a lake\na hill")
    [nobody] = post(client, photo, run="caption").json()["captions"]
    assert nobody["user_words"] == []
    refused = post(client, photo, words="lake", user="ann")
    assert refused.status_code == 400 and "one of them" in refused.json()["error"]


@pytest.mark.parametrize(
    "fields, status, sentence",
    [
        ({"run": "nothing"}, 400, "there is no model 'nothing'; there are caption, hashtag"),
        ({"user": "nobody"}, 400, "nobody is called nobody"),
        ({"user": list("abcdefghi")}, 400, "9 users are asked for; 8 at most"),
        ({"beam_size": 11}, 422, "beam_size"),
        ({"temperature": "hot"}, 422, "temperature"),
        ({"temperature": 0.5}, 400, "seed, temperature and top_p are those of sampling: give sam"),
        ({"posts": "x" * 50_001}, 400, "longer than 50,000"),
    ],
)
def test_mistakes_get_one_sentence(client, photo, fields, status, sentence):
    reply = post(client, photo, **fields)
    assert reply.status_code == status
    assert sentence in reply.json()["error"] and reply.json().keys() == {"error"}


def test_a_fault_of_ours_is_said_in_json_too(models, photo, monkeypatch):
    client = TestClient(make_app(models, page=False), "http://localhost", False)
    monkeypatch.setattr(models, "ask", None)
    reply = post(client, photo)
    assert reply.status_code == 500 and reply.json() == {"error": api.FAILED}


@pytest.mark.parametrize("data, status", [(b"", 400), (b"hello", 415), (b"<svg/>", 415)])
def test_no_picture_is_said(client, data, status):
    for reply in (post(client, data), client.post("/api/picture", content=data)):
        assert reply.status_code == status and reply.json()["error"].endswith(".")


def test_a_form_without_a_picture_or_broken_is_said(client):
    assert client.post("/api/caption", data={"run": "caption"}).status_code == 422
    kind = {"content-type": "multipart/form-data; boundary=x"}
    assert client.post("/api/caption", content=b"nonsense", headers=kind).status_code == 400


def test_a_picture_is_kept_for_the_page(client, photo):
    reply = client.post("/api/picture", content=photo).json()
    assert (reply["width"], reply["height"]) == (90, 70) and len(reply["picture"]) > 20


def test_the_api_is_described_without_other_origins(client):
    overview = client.get("/api").json()
    assert [row["run"] for row in overview["models"]] == ["caption", "hashtag"]
    assert overview["models"][0]["users"] == ["ann", "ben", "eve", "kim"]
    assert "/api/caption" in client.get("/api/openapi.json").json()["paths"]
    assert client.get("/docs").status_code == 404


@pytest.fixture(scope="module")
def page(models):
    """The application with Gradio's page."""
    return TestClient(make_app(models, hosts=["here"]), base_url="http://localhost:7860")


@pytest.mark.parametrize(
    "headers, status",
    [
        ({}, 200),
        ({"host": "here"}, 200),
        ({"host": "[::1]:7860"}, 200),
        ({"origin": "http://localhost:7860"}, 200),
        ({"origin": "http://localhost:7861"}, 403),
        ({"origin": "http://example.org"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "example.org", "origin": "http://example.org"}, 403),
        ({"host": "192.0.2.1"}, 403),
        ({"host": ""}, 403),
    ],
)
def test_other_pages_may_not_ask(page, headers, status):
    for path in ("/", "/config", "/api"):
        reply = page.get(path, headers=headers)
        assert reply.status_code == status
        assert not [name for name in reply.headers if name.startswith("access-control")]
    joined = page.post("/gradio_api/queue/join", json={}, headers=headers)
    assert (joined.status_code == 403) == (status == 403)


def test_sockets_are_not_open(page):
    with pytest.raises(WebSocketDisconnect), page.websocket_connect("/gradio_api/queue/data"):
        pass


def test_an_address_for_everybody_may_be_called_by_any_number_and_our_name():
    hosts = hosts_of("0.0.0.0")
    assert is_known("192.0.2.1:7860", hosts) and is_known(socket.gethostname().lower(), hosts)
    assert not is_known("example.org", hosts) and not is_known("192.0.2.1", hosts_of("127.0.0.1"))


def test_who_waits_too_long_is_told(models, client, photo, monkeypatch):
    monkeypatch.setattr(models_module, "PATIENCE", 0.01)
    with models._turn:
        reply = post(client, photo)
    assert reply.status_code == 503 and "try again" in reply.json()["error"]
    assert post(client, photo).status_code == 200


def test_no_more_than_some_wait_and_who_may_not_is_not_decoded(models, client, photo, monkeypatch):
    monkeypatch.setattr(models, "_waiting", threading.BoundedSemaphore(1))
    with models.place():
        assert post(client, photo).status_code == 503
        assert post(client, b"no picture").status_code == 503
        assert client.post("/api/picture", content=photo).status_code == 503
    assert post(client, b"no picture").status_code == 415
    assert post(client, photo).status_code == 200


def test_two_visitors_of_whom_one_waits(models, photo, monkeypatch):
    asked, go_on = threading.Event(), threading.Event()
    told, answer = [], models._answer

    def slowly(picture, question, name, person):
        asked.set()
        assert go_on.wait(60)
        return answer(picture, question, name, person)

    def visit(name):
        models.ask(photo, Question(["caption"], [Person(name, words=("lake",))]))
        told.append(name)

    monkeypatch.setattr(models, "_answer", slowly)
    first, second = (threading.Thread(target=visit, args=[name]) for name in ("one", "two"))
    first.start()
    assert asked.wait(60)
    monkeypatch.setattr(models, "_answer", answer)
    second.start()
    second.join(0.2)
    assert second.is_alive() and not told  # its question is quick, but not its turn
    go_on.set()
    first.join(60)
    second.join(60)
    assert told == ["one", "two"]


def test_what_is_named_twice_is_asked_once_and_not_too_much_at_a_time(
    models, client, photo, monkeypatch
):
    found = post(client, photo, run=["caption"] * 99, user=["ann"] * 99 + ["ben"]).json()
    assert [row["user"] for row in found["captions"]] == ["ann", "ben"]
    monkeypatch.setattr(models_module, "MOST_ANSWERS", 3)
    refused = post(client, photo, user=["ann", "ben"])
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("4 answers are asked for")


def test_text_is_escaped_everywhere(models, photo):
    evil = '<script>alert("x")</script>'
    picture = open_picture(photo)
    question = Question(["caption"], [Person(evil, words=("lake",))], why=True)
    _, answers = models.ask(photo, question)
    answers += [Answer(evil, Person(evil), "caption", problem=evil)]
    answers += [
        Answer(evil, Person(evil), "caption", answers[0].caption, story=evil, model=evil),
    ]
    html = answers_html(picture, answers)
    assert "<script" not in html and "&lt;script&gt;" in html
    assert html.count('class="card"') == 3 and html.count('class="veil"') == 3


def test_a_model_that_knows_no_user_answers_once(models, photo):
    def knows(run):
        return run is models.runs["caption"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(models.runs["caption"]), "knows_users", property(knows))
        people = [Person("ann", user="ann"), Person("ben", user="ben")]
        _, found = models.ask(photo, Question(["caption", "hashtag"], people))
    said = [(row.run, row.person.name) for row in found]
    assert said == [("caption", "ann"), ("caption", "ben"), ("hashtag", "anybody")]


def test_a_search_that_cannot_be_is_refused_before_the_work(models, photo):
    search = DecodingOptions(sample=True, beam_size=2)
    with pytest.raises(UserError, match="sample"):
        models.ask(photo, Question(["caption"], search=search))


def test_the_veil_is_clear_where_a_word_looked():
    cells = np.zeros((2, 2), np.float32)
    cells[0, 1] = 0.5
    uri = veil_uri(cells, window=(100, 0, 200, 200), size=(200, 400))
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    alpha = np.asarray(Image.open(io.BytesIO(data)).getchannel("A")).astype(int)
    assert alpha.shape == (72, 144)
    assert alpha[10, 100] < 40 and alpha[60, 100] > 150  # seen, and a cell below
    assert alpha[10, 20] == alpha.max()  # outside of the window


# ------------------------------------------------------------------ the command


def run_main(monkeypatch, *flags: object) -> None:
    monkeypatch.setattr(sys, "argv", ["web_demo", *map(str, flags)])
    command.main()


def test_a_port_in_use_is_said_before_the_models_are_loaded(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"--port {port} is in use"):
            run_main(monkeypatch, "--runs", "nothing", "--port", port)


@pytest.mark.parametrize(
    "flags, message",
    [
        ([], "--runs R1 R2 ..., or --toy"),
        (["--toy", "--runs", "x"], "--runs R1 R2 ..., or --toy"),
        (["--toy"], "quickstart.sh first"),
        (["--runs", "nothing"], "nothing"),
        (["--runs", "x", "--images", "nowhere"], "--images nowhere"),
        (["--runs", "x", "--port", "70000"], "--port is 70000"),
        (["--runs", "x", "--host", "192.0.2.1", "--port", "0"], "--host 192.0.2.1"),
    ],
)
def test_wrong_flags_are_said(monkeypatch, tmp_path, flags, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "TOY", tmp_path)
    port = [] if "--port" in flags else ["--port", "0"]
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        run_main(monkeypatch, *flags, *port)


def test_runs_of_another_kind_are_refused(models, tmp_path):
    caption = models.runs["caption"].path
    saved = json.loads((caption / "configuration.json").read_text())

    (tmp_path / "near").mkdir()
    text = json.dumps(saved | PRESETS["1nn-im"].to_dict())
    (tmp_path / "near" / "configuration.json").write_text(text)
    with pytest.raises(UserError, match="answers with training posts"):
        load_models([tmp_path / "near"])
    with pytest.raises(UserError, match="given twice"):
        names_of([caption, caption])
    assert names_of([Path("a/x"), Path("b/x"), Path("c/y")]) == ["a/x", "b/x", "y"]


def test_examples_that_are_too_large_are_not_read(tmp_path, photo, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(photo)
    (tmp_path / "b.txt").write_bytes(b"hello")
    with (tmp_path / "c.jpg").open("wb") as large:
        large.truncate(10**13)  # holds nothing, but could not be read
    assert command.examples_in(tmp_path) == [photo]


STARTED = """
import sys
from model import encoders
from tests.pictured_world import tiny_network
encoders.build_network = tiny_network
from scripts.web_demo.__main__ import main, run_command
sys.argv = ["web_demo", *sys.argv[1:]]
run_command(main)
"""


def start(models, tmp_path) -> subprocess.Popen:
    """The command, in a process whose temporary folder is this one."""
    run = models.runs["caption"].path
    return subprocess.Popen(
        [sys.executable, "-c", STARTED, "--runs", str(run), "--port", "0"],
        cwd=REPOSITORY,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_ended_while_it_loads_it_leaves_nothing(models, tmp_path):
    process = start(models, tmp_path)
    while process.poll() is None and not list(tmp_path.glob("web_demo-*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err.endswith("interrupted\n")
    assert not list(tmp_path.glob("web_demo-*"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_and_leaves_nothing(models, tmp_path, number):
    process = start(models, tmp_path)
    lines = iter(process.stdout.readline, "")
    assert any("http://127.0.0.1:" in line for line in lines)
    assert [path.name[:9] for path in tmp_path.glob("web_demo-*")] == ["web_demo-"]
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert "ended" in out and "Traceback" not in err and process.returncode == 0
    assert not list(tmp_path.glob("web_demo-*"))
