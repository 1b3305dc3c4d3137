"""Pictures from strangers: each kind of bad file gets one sentence, before anything decodes it."""

import asyncio
import io
from unittest import mock

import numpy as np
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from PIL import Image

from scripts.web_demo import gate, uploads
from scripts.web_demo.uploads import Shelf, UploadError, open_picture, read_body

RED, BLUE = (200, 10, 20), (10, 20, 200)


@pytest.fixture(autouse=True)
def limited(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", uploads.MOST_PIXELS)


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 24)) -> Image.Image:
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image.convert(mode)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(picture(), "JPEG", exif=exif, quality=95)


def animated(kind: str) -> bytes:
    others = [Image.new("RGB", (40, 24), "lime")] * 2
    return saved(picture(), kind, save_all=True, append_images=others, duration=50)


@pytest.mark.parametrize(
    "data, size, left",
    [
        (saved(picture(), "JPEG", quality=95), (24, 40), RED),
        (saved(picture("CMYK"), "JPEG", quality=95), (24, 40), RED),
        (turned(), (40, 24), RED),
        (animated("GIF"), (24, 40), RED),
        (animated("WEBP"), (24, 40), RED),
        (saved(picture("L"), "PNG"), (24, 40), (68, 68, 68)),
        (saved(Image.new("RGB", (1, 1), RED), "PNG"), (1, 1), RED),
    ],
    ids=["jpeg", "cmyk", "turned", "gif", "webp", "gray", "one pixel"],
)
def test_pictures_are_decoded_upright(data, size, left):
    found = open_picture(data)
    assert found.size == size and found.pixels.dtype == np.uint8
    np.testing.assert_allclose(found.pixels[0, 0], left, atol=20)
    assert found.shown.startswith("data:image/jpeg;base64,")


def bomb(side: int) -> bytes:
    return saved(Image.new("1", (side, side)), "PNG")


JPEG = saved(picture(size=(640, 480)), "JPEG")


@pytest.mark.parametrize(
    "data, status, sentence",
    [
        (b"", 400, "empty"),
        (b"hello", 415, "no picture"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', 415, "made of text"),
        (b'\xef\xbb\xbf <?xml version="1.0"?><svg/>', 415, "made of text"),
        (JPEG[: len(JPEG) // 2], 422, "breaks off"),
        (b"%PDF-1.7" + bytes(99), 415, "no picture"),
        (saved(picture(), "TIFF"), 415, "no picture"),
        (bomb(7100), 413, "50 megapixels"),
        (bomb(20_000), 413, "50 megapixels"),
        (bytes(uploads.LARGEST_FILE + 1), 413, "10 MB"),
    ],
    ids=["empty", "text", "svg", "xml", "cut", "pdf", "tiff", "large", "bomb", "heavy"],
)
def test_what_is_refused_is_never_decoded(data, status, sentence):
    decodes = "breaks off" in sentence
    with mock.patch.object(Image.Image, "load", autospec=True, wraps=Image.Image.load) as load:
        with pytest.raises(UploadError, match=sentence) as caught:
            open_picture(data)
        assert decodes or not load.called
    assert caught.value.status == status
    assert str(caught.value).count(".") == 1


def test_a_body_is_read_up_to_the_limit_and_no_further(monkeypatch):
    monkeypatch.setattr(uploads, "LARGEST_FILE", 10)
    asked = []

    async def stream(parts):
        for part in parts:
            asked.append(part)
            yield part

    assert asyncio.run(read_body(stream([b"12345", b"67890"]))) == b"1234567890"
    asked.clear()
    with pytest.raises(UploadError, match="larger"):
        asyncio.run(read_body(stream([b"12345", b"678901", b"never"])))
    assert b"never" not in asked


def test_the_shelf_keeps_the_newest_and_what_it_was_told_to_keep():
    shelf = Shelf(room=10)
    kept = shelf.put(b"x" * 20, keep=True)
    names = [shelf.put(bytes([n]) * 4) for n in range(3)]
    assert shelf.get(names[1]) == b"\x01" * 4 and shelf.get(kept) == b"x" * 20
    with pytest.raises(UploadError, match="no longer"):
        shelf.get(names[0])
    with pytest.raises(UploadError):
        shelf.get("nothing")
    assert len(set(names)) == 3


@pytest.mark.parametrize(
    "method, path, expected",
    [
        ("GET", "/", True),
        ("HEAD", "/", True),
        ("GET", "/assets/index-1.js", True),
        ("POST", "/gradio_api/queue/join", True),
        ("POST", "/api/caption", True),
        ("GET", "/gradio_api/file=/etc/passwd", False),
        ("GET", "/gradio_api/proxy=http://example.org", False),
        ("POST", "/gradio_api/upload", False),
        ("POST", "/gradio_api/run/predict", False),
        ("GET", "/assets/http://example.org", False),
        ("POST", "/", False),
        ("DELETE", "/", False),
        ("GET", "/monitoring", False),
        ("GET", "/apis", False),
    ],
)
def test_only_the_roads_that_are_needed_are_open(method, path, expected):
    assert gate.is_open(method, path) is expected


@pytest.fixture
def guarded():
    app = FastAPI()

    @app.post("/gradio_api/queue/join")
    @app.post("/api/echo")
    async def echo(request: Request):
        return {"bytes": len(await request.body())}

    app.add_middleware(gate.Gate)
    return TestClient(app, base_url="http://localhost")


def parts(count: int, size: int):
    """A body whose length nobody claims."""
    for _ in range(count):
        yield bytes(size)


@pytest.mark.parametrize(
    "path, most",
    [("/gradio_api/queue/join", gate.LARGEST_QUESTION), ("/api/echo", gate.LARGEST_FILE)],
)
def test_bodies_are_limited_whatever_they_claim(guarded, path, most):
    assert guarded.post(path, content=bytes(1000)).json() == {"bytes": 1000}
    refused = guarded.post(path, content=bytes(most + gate.FORM + 1))
    assert refused.status_code == 413 and "larger" in refused.json()["error"]
    streamed = guarded.post(path, content=parts(12, most // 10))
    assert streamed.status_code == 413


def test_every_answer_forbids_other_origins(guarded):
    for path in ("/nothing", "/api/nothing"):
        headers = guarded.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert "http" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
