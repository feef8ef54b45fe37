"""JPEGs that were overwritten but still decode are told from those that only look unusual."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("simplejpeg")

import cv2

from edgeyolo.dataset.examine_image import examine_image
from edgeyolo.dataset.findings import Kind
from edgeyolo.dataset.formats import jpeg, jpeg_pixels, look
from edgeyolo.images import Image
from tests.unit.broken import encoded, picture, with_exif

WRITTEN = {
    "usual": [],
    "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    "tables of its own": [cv2.IMWRITE_JPEG_OPTIMIZE, 1],
    "restarts": [cv2.IMWRITE_JPEG_RST_INTERVAL, 4],
    "quality 3": [cv2.IMWRITE_JPEG_QUALITY, 3],
    "quality 100": [cv2.IMWRITE_JPEG_QUALITY, 100],
    "full color": [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444],
}


def _is_sound(data: bytes) -> bool:
    seen = look(data)
    assert seen is not None
    return seen.is_whole and jpeg_pixels.decode(data, seen.size, 64).is_sound


def _written(image: Image, flags: list[int]) -> bytes:
    return cv2.imencode(".jpg", image, flags)[1].tobytes()


def _gray(data: bytes) -> Image:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    return np.asarray(image, np.uint8)


@pytest.mark.parametrize("flags", WRITTEN.values(), ids=WRITTEN)
def test_whatever_was_written_is_sound(flags: list[int]) -> None:
    black = np.zeros((700, 900, 3), np.uint8)
    dots = black.copy()
    dots[300:310, 400:420] = 255
    for image in (picture(1, 500, 400), picture(2, 900, 700), black, black + 200, dots):
        assert _is_sound(_written(image, flags))
        assert _is_sound(_written(image[..., 0], flags))


@pytest.mark.parametrize("flags", [WRITTEN["usual"], WRITTEN["tables of its own"]])
@pytest.mark.parametrize("zeros", [80, 512, 4096])
def test_zeros_anywhere_are_found(flags: list[int], zeros: int) -> None:
    data = _written(picture(1, 900, 700), flags)
    first, last = jpeg.pixels(data)
    for place in range(first + 20, last - zeros, max(1, (last - first) // 40)):
        assert not _is_sound(data[:place] + bytes(zeros) + data[place + zeros :]), place


@pytest.mark.parametrize("kind", ["noise", "zeros", "gone", "twice"])
def test_a_kilobyte_is_found_in_whatever_was_written(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, 1024, np.uint8).tobytes()
    for flags in (WRITTEN["usual"], WRITTEN["tables of its own"], WRITTEN["quality 100"]):
        data = _written(picture(1, 900, 700), flags)
        first, last = jpeg.pixels(data)
        for place in range(first + 20, last - 2048, (last - first) // 7):
            piece = data[place : place + 1024]
            middle = {"noise": noise, "zeros": bytes(1024), "gone": b"", "twice": 2 * piece}[kind]
            assert not _is_sound(data[:place] + middle + data[place + 1024 :])


@pytest.mark.parametrize("byte", [b"\0", b"\xff", b"U"])
@pytest.mark.parametrize("count", [1, 4, 100, 5000])
def test_padding_before_the_end_is_no_damage(byte: bytes, count: int) -> None:
    data = encoded(picture(1, 500, 400), ".jpg")
    assert _is_sound(data[:-2] + byte * count + data[-2:])


def test_more_than_padding_before_the_end_is_damage() -> None:
    data = encoded(picture(1, 500, 400), ".jpg")
    assert not _is_sound(data[:-2] + data[-500:-2] + data[-2:])


def test_a_header_of_another_time_is_no_damage() -> None:
    data = encoded(picture(1, 500, 400), ".jpg")
    place = data.index(b"JFIF\0") + 5
    assert _is_sound(data[:place] + b"\x09" + data[place + 1 :])


def test_zeros_outside_the_pixels_are_no_damage() -> None:
    data = encoded(picture(1, 500, 400), ".jpg")
    small = encoded(picture(2, 64, 48), ".jpg")
    assert _is_sound(with_exif(data, 1, small + bytes(2000)))
    assert _is_sound(data + bytes(5000))


def test_other_colors(tmp_path: Path) -> None:
    photo = pytest.importorskip("PIL.Image").fromarray(picture(1, 500, 400))
    expected = np.asarray(photo.convert("L"), int)
    for mode in ("L", "RGB", "CMYK"):
        stream = io.BytesIO()
        photo.convert(mode).save(stream, "JPEG", quality=95)
        pixels = jpeg_pixels.decode(stream.getvalue(), (400, 500), 400)
        assert pixels.is_sound
        assert pixels.gray is not None
        assert np.abs(pixels.gray.astype(int) - expected).mean() < 12


@pytest.mark.parametrize("size", [(640, 480), (300, 200), (130, 129), (127, 64), (20, 30)])
def test_no_smaller_than_needed(size: tuple[int, int]) -> None:
    data = encoded(picture(1, *size), ".jpg")
    pixels = jpeg_pixels.decode(data, size[::-1], 64)
    assert pixels.gray is not None
    assert min(pixels.gray.shape) >= min(64, *size)
    assert pixels.gray.size <= size[0] * size[1]
    small = cv2.resize(_gray(data), pixels.gray.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - pixels.gray).mean() < 3


def test_without_the_decoder_opencv_does_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, data = tmp_path / "a.jpg", encoded(picture(1, 500, 400), ".jpg")
    path.write_bytes(with_exif(data, 6))
    known = examine_image(path)
    monkeypatch.setattr(jpeg_pixels, "simplejpeg", None)
    assert not jpeg_pixels.can_tell_damage()
    plain = examine_image(path)
    assert [fault.kind for fault in plain.faults] == [Kind.IMAGE_ROTATED]
    assert (plain.height, plain.width) == (known.height, known.width) == (500, 400)
    assert plain.print is not None and known.print is not None
    assert plain.print.waves @ known.print.waves > 0.99
    path.write_bytes(data[: len(data) // 2])
    assert [fault.kind for fault in examine_image(path).faults] == [Kind.IMAGE_TRUNCATED]


@pytest.mark.real_data
@pytest.mark.parametrize("folder", ["bccd", "coco128"])
def test_photos(test_data: Path, folder: str) -> None:
    for path in sorted((test_data / folder / "images").rglob("*.jpg")):
        data = path.read_bytes()
        assert _is_sound(data), path
        first, last = jpeg.pixels(data)
        place = (first + last) // 2
        assert not _is_sound(data[:place] + bytes(2048) + data[place + 2048 :]), path
