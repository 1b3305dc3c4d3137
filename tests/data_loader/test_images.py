"""Pictures of every kind that people post become RGB; what cannot is refused with a reason."""

import os
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from data_loader.images import ImageError, read_image

RED, BLUE = (250, 10, 20), (10, 20, 240)


@pytest.fixture
def picture():
    """40 wide, 24 high; left half red, right half blue."""
    image = Image.new("RGB", (40, 24), RED)
    image.paste(BLUE, (20, 0, 40, 24))
    return image


def assert_halves(pixels, left=RED, right=BLUE, tolerance=8):
    assert pixels.dtype == np.uint8 and pixels.shape == (24, 40, 3)
    np.testing.assert_allclose(pixels[12, 5].astype(int), left, atol=tolerance)
    np.testing.assert_allclose(pixels[12, 35].astype(int), right, atol=tolerance)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
def test_formats_are_told_by_content(tmp_path, picture, kind):
    picture.save(tmp_path / "no_suffix", kind)
    assert_halves(read_image(tmp_path / "no_suffix"), tolerance=20 if kind == "WEBP" else 8)


@pytest.mark.parametrize(("mode", "kind"), [("L", "JPEG"), ("L", "PNG"), ("1", "PNG")])
def test_gray(tmp_path, picture, mode, kind):
    gray = Image.new("L", (40, 24), 255)
    gray.paste(0, (20, 0, 40, 24))
    gray.convert(mode).save(tmp_path / "x", kind)
    assert_halves(read_image(tmp_path / "x"), (255, 255, 255), (0, 0, 0))


def test_palette(tmp_path, picture):
    picture.quantize(2).save(tmp_path / "x", "PNG")
    assert_halves(read_image(tmp_path / "x"))


def test_cmyk(tmp_path, picture):
    picture.convert("CMYK").save(tmp_path / "x", "JPEG", quality=95)
    assert_halves(read_image(tmp_path / "x"))


def test_transparency_is_laid_on_white(tmp_path, picture):
    picture.putalpha(255)
    picture.paste((0, 0, 0, 0), (20, 0, 40, 24))
    picture.save(tmp_path / "x", "PNG")
    assert_halves(read_image(tmp_path / "x"), RED, (255, 255, 255))


def test_transparent_palette_colour_is_laid_on_white(tmp_path):
    image = Image.new("P", (40, 24), 0)
    image.putpalette([*RED, *BLUE])
    image.paste(1, (20, 0, 40, 24))
    image.save(tmp_path / "x", "PNG", transparency=1)
    assert_halves(read_image(tmp_path / "x"), RED, (255, 255, 255))


def test_16_bits_are_scaled_not_clipped(tmp_path):
    values = np.full((24, 40), 65535, np.uint16)
    values[:, 20:] = 128 * 257
    Image.fromarray(values).save(tmp_path / "x", "PNG")
    assert_halves(read_image(tmp_path / "x"), (255, 255, 255), (128, 128, 128), tolerance=0)


@pytest.mark.parametrize("orientation", range(10))
def test_exif_orientation_turns_the_picture(tmp_path, orientation):
    image = Image.effect_noise((13, 7), 90).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "x", "PNG", exif=exif)
    with Image.open(tmp_path / "x") as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    np.testing.assert_array_equal(read_image(tmp_path / "x"), expected)


def test_an_odd_exif_field_hides_neither_picture_nor_orientation(tmp_path, picture):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 3, "maker"
    data = exif.tobytes().replace(b"\x01\x0f\x00\x02", b"\x01\x0f\x00\x0c")  # text as doubles
    picture.save(tmp_path / "x", "JPEG", exif=data)
    assert_halves(read_image(tmp_path / "x"), BLUE, RED)


@pytest.mark.parametrize("cut", [9, 15, 30])
@pytest.mark.parametrize("odd", [b"\x00\x02", b"\x00\x0c"])
def test_exif_data_that_break_off_leave_the_picture_as_it_is(tmp_path, picture, cut, odd):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "maker", 3
    data = exif.tobytes().replace(b"\x01\x0f\x00\x02", b"\x01\x0f" + odd)[:cut]
    picture.save(tmp_path / "x", "JPEG", exif=data)
    assert_halves(read_image(tmp_path / "x"))


def test_unreadable_exif_data_leave_the_picture_as_it_is(tmp_path, picture, monkeypatch):
    def fail(_):
        raise struct.error("damaged")

    picture.save(tmp_path / "x", "JPEG")
    monkeypatch.setattr(Image.Image, "getexif", fail)
    assert_halves(read_image(tmp_path / "x"))


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_the_first_frame_of_an_animation(tmp_path, picture, kind):
    others = [Image.new("RGB", (40, 24), "lime") for _ in range(2)]
    picture.save(tmp_path / "x", kind, save_all=True, append_images=others, duration=50)
    assert_halves(read_image(tmp_path / "x"), tolerance=20)


@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 3000)])
def test_extreme_sizes(tmp_path, size):
    Image.new("RGB", size, RED).save(tmp_path / "x", "PNG")
    assert read_image(tmp_path / "x").shape == (size[1], size[0], 3)


def truncated(path, picture):
    Image.effect_noise((90, 70), 50).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:1500])


def damaged(path, picture):
    picture.save(path, "PNG")
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 8] ^= 0xFF
    path.write_bytes(data)


def other_format(path, picture):
    picture.save(path, "TIFF")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path, _: None, "missing"),
        (lambda path, _: path.touch(), "empty file"),
        (lambda path, _: path.mkdir(), "not a file"),
        (lambda path, _: os.mkfifo(path), "not a file"),
        (lambda path, _: path.write_text("<html>404</html>"), "not one of JPEG"),
        (truncated, "broken: .*truncated"),
        (damaged, "broken"),
        (other_format, "not one of JPEG"),
    ],
)
def test_what_cannot_be_read_has_a_reason(tmp_path, picture, make, reason):
    make(tmp_path / "x", picture)
    with pytest.raises(ImageError, match=reason):
        read_image(tmp_path / "x")


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_name_that_cannot_be_opened(tmp_path, name):
    with pytest.raises(ImageError, match="cannot be opened"):
        read_image(tmp_path / name)


@pytest.mark.parametrize("limit", [40 * 24 - 1, 40 * 24 // 3])  # Pillow itself raises at twice
def test_too_many_pixels_are_refused(tmp_path, picture, monkeypatch, limit):
    picture.save(tmp_path / "x", "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(ImageError, match=f"more than {limit} pixels"):
        read_image(tmp_path / "x")


def test_as_many_pixels_as_allowed_are_read(tmp_path, picture, monkeypatch):
    picture.save(tmp_path / "x", "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40 * 24)
    assert_halves(read_image(tmp_path / "x"))
