"""The script of a worker's page, run by Chromium: what is answered when choices follow quickly."""

import json
import re
from html import unescape

import pytest

from scripts.user_study.choice import Question, Said
from scripts.user_study.plan import Item
from scripts.user_study.ratings import ASKS, RELEVANCE
from scripts.user_study.sheets import page
from utils import chromium
from utils.errors import UserError

# Timers fire when a test says so: none of it depends on the speed of the machine.
CLOCK = """<script>
const timers = new Map();
let timer = 0;
window.setTimeout = (run) => { timers.set(++timer, run); return timer; };
window.clearTimeout = (id) => timers.delete(id);
function elapse() { const all = [...timers.values()]; timers.clear(); all.forEach((run) => run()); }
</script>"""
ACT = """<script>
const press = (key) => dispatchEvent(new KeyboardEvent("keydown", { key, cancelable: true }));
const click = (n) => document.querySelectorAll("label .said")[n - 1].click();
byId("start").click();
%s
document.documentElement.dataset.state = JSON.stringify({ at, answers, waiting: timers.size });
</script>"""


def after(path, *acts, html=None):
    """The state of a page, by default one of three questions, after some acts."""
    try:
        chromium.find_chromium()
    except UserError as error:
        pytest.skip(str(error))
    asked = [Question(f"u/p{n}", b"", (), (Said(f"a{n}"), Said(f"b{n}"))) for n in range(3)]
    html = html or page("s", 1, "caption", asked, [Item(f"q{n}", n, 0, 1) for n in range(3)])
    html = html.replace("<noscript>", CLOCK + "<noscript>", 1)
    path.write_text(html.replace("</body>", ACT % "\n".join(acts) + "</body>"))
    document = chromium._run(["--dump-dom", path.as_uri()], 180)
    return json.loads(unescape(re.search(r' data-state="([^"]*)"', document)[1]))


@pytest.mark.parametrize("first, second", [('press("1")', 'press("2")'), ("click(1)", "click(2)")])
def test_a_quick_correction_replaces_the_answer(tmp_path, first, second):
    state = after(tmp_path / "page.html", first, second)
    assert state == {"at": 0, "answers": {"q0": "2"}, "waiting": 1}
    state = after(tmp_path / "page.html", first, second, "elapse();", 'press("1");', "elapse();")
    assert state == {"at": 2, "answers": {"q0": "2", "q1": "1"}, "waiting": 0}


def test_questions_by_yes_or_no_show_hashtags_and_story(tmp_path):
    asked = [Question("u/p", b"", (), (Said("<b>they</b> went", ("sea", "sun")),))]
    html = page("s", 1, RELEVANCE, asked, [Item(f"q{n}", 0, n, 1) for n in range(3)])
    seen = """document.title = JSON.stringify([byId("ask").textContent, byId("shown").hidden,
      byId("shown_tags").textContent, byId("shown_story").textContent,
      document.querySelector("aside").hidden,
      [...document.querySelectorAll("label .said")].map((e) => e.textContent)]);"""
    acts = ['press("1"); elapse(); press("2"); elapse();', seen, "answers.seen = document.title;"]
    state = after(tmp_path / "page.html", *acts, html=html)
    shown = json.loads(state["answers"].pop("seen"))
    assert shown == [
        ASKS[2].text,
        False,
        "#sea #sun",
        "<b>they</b> went",
        True,
        ["Yes", "No"],
    ]
    assert state == {"at": 2, "answers": {"q0": "1", "q1": "2"}, "waiting": 0}


def test_two_texts_are_compared_beside_a_persons_posts(tmp_path):
    seen = "answers.seen = [byId('shown').hidden, document.querySelector('aside').hidden];"
    ask = "answers.ask = byId('ask').textContent;"
    answers = after(tmp_path / "page.html", seen, ask)["answers"]
    assert answers["seen"] == [True, False]
    assert answers["ask"] == "Which text is more relevant to this person’s post?"
