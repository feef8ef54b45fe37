"""The perceptual hash: the same photo is known again, and others that look alike are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

import cv2

from edgeyolo.dataset import near
from edgeyolo.dataset.near import Fingerprint, fingerprint, groups, near_pairs, nearest_before
from edgeyolo.images import Image, read_image
from tests.unit.broken import picture


def recompressed(quality: int) -> Callable[[Image], Image]:
    def change(image: Image) -> Image:
        data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)

    return change


def resized(width: float, height: float) -> Callable[[Image], Image]:
    return lambda image: np.asarray(cv2.resize(image, None, fx=width, fy=height), np.uint8)


def lighter(gain: float, offset: float) -> Callable[[Image], Image]:
    def change(image: Image) -> Image:
        return np.clip(image * float(gain) + offset, 0, 255).astype(np.uint8)

    return change


def grainy(image: Image) -> Image:
    grain = np.random.default_rng(0).normal(0, 8, image.shape)
    return np.clip(image + grain, 0, 255).astype(np.uint8)


def reduced(image: Image) -> Image:
    """As a check decodes it."""
    data = cv2.imencode(".jpg", image)[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_REDUCED_GRAYSCALE_2), np.uint8)


CHANGES = {
    "quality 25": recompressed(25),
    "quality 60": recompressed(60),
    "half": resized(0.5, 0.5),
    "larger": resized(1.6, 1.6),
    "square": resized(1, 4 / 3),
    "brighter": lighter(1, 15),
    "darker": lighter(0.85, 0),
    "grainy": grainy,
    "blurred": lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), 1.5), np.uint8),
    "gray": lambda image: np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8),
    "reduced": reduced,
    "all": lambda image: recompressed(50)(resized(0.6, 0.6)(lighter(1.08, -8)(image))),
}


def distance(one: Fingerprint, other: Fingerprint) -> int:
    return int(near.bit_count(one.words ^ other.words).sum())


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_same_picture_is_known_again(change: Callable[[Image], Image]) -> None:
    pictures = [picture(seed, 320, 240) for seed in range(20)]
    prints = [fingerprint(image) for image in [*pictures, *map(change, pictures)]]
    assert near_pairs(prints) == [(index, index + 20) for index in range(20)]
    assert groups(prints) == [*range(20), *range(20)]
    assert nearest_before(prints, [0] * 20 + [1] * 20) == {n + 20: n for n in range(20)}


def test_others_are_not() -> None:
    prints = [fingerprint(picture(seed)) for seed in range(400)]
    assert near_pairs(prints) == []
    assert groups(prints) == list(range(400))
    assert nearest_before(prints, list(range(400))) == {}


def test_a_round_field_of_view_does_not_make_two_alike() -> None:
    y, x = np.mgrid[:240, :320]
    inside = ((y - 120) ** 2 + (x - 160) ** 2 < 110**2)[..., None]
    prints = [
        fingerprint(np.where(inside, 100 + picture(seed, 320, 240) // 8, 0).astype(np.uint8))
        for seed in range(100)
    ]
    assert near_pairs(prints) == []


@pytest.mark.parametrize("level", [0, 128, 255])
def test_what_is_flat_is_like_nothing(level: int) -> None:
    flat = np.full((64, 64, 3), level, np.uint8)
    almost = flat.copy()
    almost[::7, ::5] ^= 1
    prints = [fingerprint(image) for image in (flat, flat, almost, picture(1))]
    assert near_pairs(prints) == []
    assert groups(prints) == [0, 1, 2, 3]


def test_groups_go_by_way_of_others() -> None:
    first, last = picture(1, 320, 240).astype(float), picture(2, 320, 240).astype(float)
    scene = [first + (last - first) * step / 40 for step in range(41)]
    prints = [fingerprint(image.round().astype(np.uint8)) for image in scene]
    pairs = near_pairs(prints)
    assert (0, 1) in pairs
    assert (0, 40) not in pairs
    assert set(groups(prints)) == {0}
    alone = fingerprint(picture(3))
    assert groups([alone, *prints, alone]) == [0, *[1] * 41, 0]


def test_nearest_is_of_a_lower_rank() -> None:
    image = picture(1, 320, 240)
    worse = recompressed(15)(image)
    prints = [fingerprint(each) for each in (worse, image, image, image)]
    assert distance(prints[0], prints[1]) > 0
    assert nearest_before(prints, [0, 0, 1, 2]) == {2: 1, 3: 1}
    assert nearest_before(prints, [1, 1, 0, 0]) == {0: 2, 1: 2}
    assert nearest_before(prints, [0, 0, 0, 0]) == {}


@pytest.mark.parametrize("count", [0, 1])
def test_of_none_or_one(count: int) -> None:
    prints = [fingerprint(picture(1))] * count
    assert near_pairs(prints) == []
    assert groups(prints) == [0] * count
    assert nearest_before(prints, [0] * count) == {}


def test_more_than_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    prints = [fingerprint(picture(seed % 30)) for seed in range(90)]
    whole = near_pairs(prints), groups(prints), nearest_before(prints, range(90))
    monkeypatch.setattr(near, "_BLOCK", 7)
    monkeypatch.setattr(near, "_PAIRS", 5)
    assert (near_pairs(prints), groups(prints), nearest_before(prints, range(90))) == whole
    assert len(whole[0]) == 90
    assert whole[1] == [seed % 30 for seed in range(90)]


def test_bits_without_numpy_2() -> None:
    words = np.random.default_rng(0).integers(0, 1 << 64, (50, 3), np.uint64)
    words[0] = 0, 1, (1 << 64) - 1
    expected = [[int(word).bit_count() for word in row] for row in words.tolist()]
    assert near.table_bit_count(words).tolist() == expected
    assert near.bit_count(words).tolist() == expected


def test_a_fingerprint_is_small() -> None:
    one = fingerprint(picture(1, 640, 640))
    assert one.words.shape == (4,)
    assert one.words.nbytes + one.waves.nbytes < 1100


@pytest.mark.real_data
@pytest.mark.parametrize(("folder", "known"), [("bccd", [(37, 38)]), ("coco128", [])])
def test_photos(test_data: Path, folder: str, known: list[tuple[int, int]]) -> None:
    paths = sorted((test_data / folder / "images").rglob("*.jpg"))
    prints = [fingerprint(read_image(path)) for path in paths]
    numbers = [int("".join(filter(str.isdigit, path.stem))) for path in paths]
    assert [tuple(sorted((numbers[a], numbers[b]))) for a, b in near_pairs(prints)] == known
    apart = [
        distance(prints[a], prints[b])
        for a in range(len(prints))
        for b in range(a)
        if tuple(sorted((numbers[a], numbers[b]))) not in known
    ]
    assert min(apart) > 80  # far from the 32 that count as near
    for path, one in list(zip(paths, prints, strict=True))[::8]:
        image = read_image(path)
        for change in (recompressed(30), resized(0.5, 0.5), lighter(1, 15), lighter(0.85, 0)):
            assert near_pairs([one, fingerprint(change(image))]) == [(0, 1)]
