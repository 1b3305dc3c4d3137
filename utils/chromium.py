"""Draws an HTML page as a PNG with headless Chromium, the only renderer here that shapes emoji.

Pillow and matplotlib draw neither emoji of several code points (skin tones, flags, families) nor
fall back from one font to another, so figures with people's texts are pages (`utils.figures`).
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from utils.errors import UserError

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# Chromium draws no picture with a side above this many pixels.
LARGEST_SIDE = 16384
# The window is taller than the page by this much, and the picture is cropped: some versions of
# headless Chromium subtract the height of a title bar that is not there.
MARGIN = 200
MEASURE = (
    "<script>addEventListener('load', () => document.documentElement.setAttribute("
    "'data-height', Math.ceil(document.body.getBoundingClientRect().bottom)))</script>"
)
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers have a /dev/shm of 64 MB, too small for tall pages
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
)


def render_html(html: str, out: Path, width: int, scale: float = 2.0, timeout: float = 180) -> Path:
    """Writes a page to `out`, a PNG as high as the page's body, and the page itself beside it.

    Args:
        html: a whole document; pictures are data URIs, since nothing is loaded from the network.
        out: the picture; the page is written first, to the same name with the suffix .html.
        width: of the page, in CSS pixels; the picture is `width * scale` pixels wide.
        scale: picture pixels per CSS pixel, lowered where the page is too high for Chromium.
        timeout: seconds that each of Chromium's two runs (measure, draw) may take.

    Raises:
        UserError: the folder cannot be written, or Chromium is missing, fails or takes too long;
            then the page stays for a browser.
    """
    # Said in the page, because Chromium makes no window narrower than about 500 pixels.
    html += f"<style>html {{ width: {width}px }}</style>\n"
    page = out.with_suffix(".html")
    _write(page, html)
    try:
        height = measure_height(html, width, scale, timeout)
        if (height + MARGIN) * scale > LARGEST_SIDE:
            scale = LARGEST_SIDE / (height + 2 * MARGIN)
            height = measure_height(html, width, scale, timeout)
        _draw(page, out, (width, height), scale, timeout)
    except UserError as error:
        raise UserError(f"{error} (the page itself is in {page}: open it in a browser)") from error
    return out


def _write(page: Path, html: str) -> None:
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        # People's texts may hold halves of surrogate pairs, which no file can.
        page.write_text(html, encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"cannot write {page}: {error.strerror}") from None


def measure_height(html: str, width: int, scale: float = 1.0, timeout: float = 180) -> int:
    """Returns how far down the body of a page reaches in CSS pixels, laid out at a width.

    The scale matters: lines of text are as high as a whole number of the picture's pixels.
    """
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "measure.html")
        _write(page, html + MEASURE)
        flags = [f"--force-device-scale-factor={scale}", f"--window-size={width},{MARGIN}"]
        document = _run([*flags, "--dump-dom", page.as_uri()], timeout)
    found = re.search(r'<html[^>]* data-height="(\d+)"', document)
    if found is None:
        raise UserError("Chromium did not say how high the page is: is it an old version?")
    return max(1, int(found[1]))


def _draw(page: Path, out: Path, size: tuple[int, int], scale: float, timeout: float) -> None:
    """Takes the screenshot and crops it to `size`, the page's (width, height) in CSS pixels."""
    width, height = size
    window = f"--window-size={width},{height + MARGIN}"
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder, "shot.png")
        flags = [f"--force-device-scale-factor={scale}", window, f"--screenshot={shot}"]
        _run([*flags, page.resolve().as_uri()], timeout)
        if not shot.exists():
            raise UserError("Chromium ended well, but drew nothing")
        with Image.open(shot) as image:
            image.crop((0, 0, round(width * scale), round(height * scale))).save(out)


def find_chromium() -> str:
    """Returns the path of the first of `PROGRAMS` that is installed."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        raise UserError(
            f"none of {', '.join(PROGRAMS)} is installed, and figures are drawn with it: "
            "apt-get install chromium, or ./scripts/setup.sh"
        )
    return found


def _run(arguments: list[str], timeout: float) -> str:
    """Runs Chromium with a profile of its own, kills all its processes in the end; gives stdout."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [find_chromium(), *FLAGS, f"--user-data-dir={profile}", *arguments]
        if os.geteuid() == 0:
            command.insert(1, "--no-sandbox")  # Chromium refuses to sandbox root
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # its helpers are in its group, so that one signal ends all
        )
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise UserError(f"Chromium did not finish within {timeout:g} s") from None
        finally:
            _kill_group(process)
    if process.returncode:
        raise UserError(f"Chromium failed ({process.returncode}): {_last_line(stderr)}")
    return stdout


def _kill_group(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # all of them have ended by themselves
    process.wait()


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]
