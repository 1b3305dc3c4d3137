"""The page in a real browser: from dropping a picture to the words that light up."""

import os
import re
import threading
import time
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from model import encoders
from scripts.web_demo.app import make_app
from scripts.web_demo.models import load_models
from tests.pictured_world import make_run, tiny_network
from utils.chromium import find_chromium
from utils.errors import UserError

pytestmark = pytest.mark.slow
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
DROP = """(target, bytes) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(bytes)], "holiday.txt"));
  for (const kind of ["dragenter", "dragover", "drop"])
    target.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true }));
}"""


@pytest.fixture(scope="module")
def address(pictured_world, tmp_path_factory):
    """A page with two runs that never learnt, in a thread of this process."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoders, "build_network", tiny_network)
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "gradio"))
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
        for task in ("caption", "hashtag"):
            make_run(pictured_world, folder / task, task=task)
        models = load_models([folder / "caption", folder / "hashtag"])
        app = make_app(models, [photo_of(pictured_world)])
        server = uvicorn.Server(
            uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/"
        server.should_exit = True
        thread.join(20)


def photo_of(world) -> bytes:
    return sorted((world / "images").iterdir())[3].read_bytes()


@pytest.fixture(scope="module")
def browser():
    try:
        program = find_chromium()
    except UserError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])


@pytest.fixture
def open_page(browser: Browser, address):
    """Opens the page at a width; in the end, nothing was asked elsewhere and no script failed."""
    asked, failed, contexts = [], [], []

    def opened(size: str = "desktop", **settings: object) -> Page:
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.goto(address)
        page.wait_for_selector("#ask")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert asked and not failed
    ours = (address, "data:", f"blob:{address}")
    assert not [url for url in asked if not url.startswith(ours)]


def drop(page: Page, data: bytes) -> None:
    page.locator(".dropfield .target").evaluate(DROP, list(data))


@pytest.mark.parametrize("size", SIZES)
def test_from_dropping_a_picture_to_words_that_light_up(open_page, pictured_world, size):
    page = open_page(size)
    drop(page, photo_of(pictured_world))
    expect(page.locator(".card")).to_have_count(2, timeout=60_000)
    card = page.locator(".card").first
    expect(card.locator("header b")).to_have_text("ann")
    word = card.locator(".word").nth(1)
    before = card.locator(".shares em").all_text_contents()
    word.hover()
    expect(word).to_have_class(re.compile("shown"))
    expect(card.locator(".now")).to_have_text(f"for “{word.text_content()}”")
    shares = [float(part) for part in word.get_attribute("data-parts").split()]
    shown = [int(text.rstrip("%")) for text in card.locator(".shares em").all_text_contents()]
    assert shown == pytest.approx([100 * share for share in shares if share], abs=1)
    assert shown != [int(text.rstrip("%")) for text in before] or len(before) < 2
    weights = [float(weight) for weight in word.get_attribute("data-user").split()]
    chips = card.locator(".chips.user li")
    lit = chips.evaluate_all("items => items.map(i => Number(i.style.getPropertyValue('--w')))")
    assert lit == pytest.approx([weight**0.5 for weight in weights], abs=1e-3)
    page.mouse.move(1, 1)
    expect(card.locator(".now")).to_have_text("over all words")
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0  # nothing sticks out at the side


def test_touching_keeps_a_word_lit(open_page):
    page = open_page("phone", has_touch=True)
    page.locator(".example").first.tap()
    word = page.locator(".card .word").first
    expect(word).to_be_visible(timeout=60_000)
    word.tap()
    expect(word).to_have_attribute("aria-pressed", "true")
    expect(word).to_have_class(re.compile("shown"))


def test_keyboard_alone(open_page, pictured_world, tmp_path):
    page = open_page()
    (tmp_path / "photo.jpg").write_bytes(photo_of(pictured_world))
    choose_by_keyboard(page, tmp_path / "photo.jpg")
    expect(page.locator(".card")).to_have_count(2, timeout=60_000)
    tab_to(page, "#ask")
    outline = page.locator("#ask").evaluate("button => getComputedStyle(button).outlineWidth")
    assert outline == "3px"
    page.keyboard.press("Enter")
    tab_to(page, ".card .word")
    live = page.locator(".card .live").first
    expect(live).to_contain_text("the user's words")
    page.keyboard.press("Space")
    expect(page.locator(".card .word").first).to_have_attribute("aria-pressed", "true")


def choose_by_keyboard(page: Page, path: Path) -> None:
    """Tab and Enter; again where the page was still being built, and took the focus away."""
    for _ in range(5):
        tab_to(page, "input[type=file]")
        try:
            with page.expect_file_chooser(timeout=10_000) as chooser:
                page.keyboard.press("Enter")
        except PlaywrightTimeout:
            continue
        chooser.value.set_files(path)
        return
    raise AssertionError("Enter on the picture's field opens no dialog")


def tab_to(page: Page, target: str, most: int = 60) -> None:
    """Presses Tab until an element has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("target => document.activeElement?.matches(target)", target):
            return
    raise AssertionError(f"{target} cannot be reached with the keyboard")


def test_a_text_file_is_refused_in_one_sentence(open_page):
    page = open_page()
    drop(page, b"hello")
    expect(page.locator(".dropfield .problem")).to_contain_text("no picture that can be read")
    expect(page.locator(".card")).to_have_count(0)
    page.locator("#ask").click()
    expect(page.locator("#answer [role=alert]")).to_have_text("Choose a picture first.")


def test_own_posts_become_words_that_can_be_edited(open_page):
    page = open_page()
    page.locator(".example").first.click()
    expect(page.locator(".card")).to_have_count(2, timeout=60_000)
    page.get_by_label("My own").check()
    page.get_by_label("Account name").fill("<script>x</script>")
    page.get_by_label("Earlier posts, one per line").fill("a lake and a hill\na lake")
    words = page.locator("#words textarea")
    expect(words).to_have_value(re.compile("lake"))
    words.fill("boat")
    page.locator("#ask").click()
    card = page.locator(".card").first
    expect(card.locator("header b")).to_have_text("<script>x</script>", timeout=60_000)
    expect(card.locator(".chips.user li")).to_have_text(["boat"])


def test_programs_are_told_where_this_page_is(open_page, address):
    page = open_page()
    page.get_by_text("For programs").click()
    told = page.locator("#programs")
    expect(told.locator(".address").first).to_have_text(f"{address}api/caption")
    expect(told.locator("pre")).to_contain_text("-F user=ann ")
