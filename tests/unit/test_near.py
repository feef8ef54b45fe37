"""The perceptual hash: the same photo is known again, and others that look alike are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

import cv2

from edgeyolo.dataset import fingerprint as prints_of
from edgeyolo.dataset import near
from edgeyolo.dataset.fingerprint import TURNS, Fingerprint, fingerprint
from edgeyolo.dataset.near import Match, groups, near_pairs, nearest_before
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
    return int(((one.waves > 0) != (other.waves > 0)).sum())


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_same_picture_is_known_again(change: Callable[[Image], Image]) -> None:
    pictures = [picture(seed, 320, 240) for seed in range(20)]
    prints = [fingerprint(image) for image in [*pictures, *map(change, pictures)]]
    assert near_pairs(prints) == [(index, index + 20) for index in range(20)]
    assert groups(prints) == [*range(20), *range(20)]
    assert nearest_before(prints, [0] * 20 + [1] * 20) == {n + 20: Match(n, "") for n in range(20)}


TURNED: dict[str, tuple[str, Callable[[Image], Image]]] = {
    "left and right": ("mirrored", lambda image: image[:, ::-1]),
    "up and down": ("upside down", lambda image: image[::-1]),
    "half a turn": ("turned by 180°", lambda image: image[::-1, ::-1]),
    "a quarter": ("turned by 90°", lambda image: np.rot90(image)),
    "three quarters": ("turned by 90°", lambda image: np.rot90(image, 3)),
    "diagonal": ("mirrored and turned by 90°", lambda image: image.transpose(1, 0, 2)),
    "other diagonal": ("mirrored and turned by 90°", lambda image: np.rot90(image[:, ::-1])),
}


@pytest.mark.parametrize("case", TURNED.values(), ids=TURNED)
@pytest.mark.parametrize("size", [(320, 240), (200, 200), (131, 317)])
def test_a_picture_is_known_however_it_lies(
    case: tuple[str, Callable[[Image], Image]], size: tuple[int, int]
) -> None:
    name, turn = case
    assert name in TURNS
    pictures = [picture(seed, *size) for seed in range(12)]
    laid = [recompressed(60)(np.ascontiguousarray(turn(image))) for image in pictures]
    prints = [fingerprint(image) for image in [*pictures, *laid]]
    assert near_pairs(prints) == [(index, index + 12) for index in range(12)]
    assert groups(prints) == [*range(12), *range(12)]
    found = nearest_before(prints, [0] * 12 + [1] * 12)
    assert found == {n + 12: Match(n, name) for n in range(12)}


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
    assert nearest_before(prints, [0, 0, 1, 1]) == {}


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
    assert nearest_before(prints, [0, 0, 1, 2]) == {2: Match(1, ""), 3: Match(1, "")}
    assert nearest_before(prints, [1, 1, 0, 0]) == {0: Match(2, ""), 1: Match(2, "")}
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
    monkeypatch.setattr(prints_of, "_PAIRS", 5)
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
    assert one.waves.shape == (256,)
    assert one.waves.nbytes == 1024


@pytest.mark.real_data
@pytest.mark.parametrize(("folder", "known"), [("bccd", [(37, 38)]), ("coco128", [])])
def test_photos(test_data: Path, folder: str, known: list[tuple[int, int]]) -> None:
    paths = sorted((test_data / folder / "images").rglob("*.jpg"))
    prints = [fingerprint(read_image(path)) for path in paths]
    numbers = [int("".join(filter(str.isdigit, path.stem))) for path in paths]
    assert [tuple(sorted((numbers[a], numbers[b]))) for a, b in near_pairs(prints)] == known
    signs = np.array([one.waves > 0 for one in prints]).astype(np.float32)
    apart = signs @ (1 - signs).T + (1 - signs) @ signs.T  # bits that differ
    first, second = np.triu_indices(len(prints), 1)
    is_known = [
        tuple(sorted((numbers[a], numbers[b]))) in known for a, b in zip(first, second, strict=True)
    ]
    assert (
        apart[first, second][~np.array(is_known)].min() > 80
    )  # far from the 32 that count as near
    turns = [lambda image, turn=turn: recompressed(80)(turn(image)) for _, turn in TURNED.values()]
    changes = [recompressed(30), resized(0.5, 0.5), lighter(1, 15), lighter(0.85, 0), *turns]
    for path, one in list(zip(paths, prints, strict=True))[::16]:
        image = read_image(path)
        for change in changes:
            assert near_pairs([one, fingerprint(change(image))]) == [(0, 1)]


@pytest.mark.real_data
def test_how_far_a_crop_is_known_again(test_data: Path) -> None:
    paths = sorted((test_data / "coco128/images").rglob("*.jpg"))[::6]
    known = dict.fromkeys((0.01, 0.05), 0)
    for image in map(read_image, paths):
        for part in known:
            top, left = (round(side * part) for side in image.shape[:2])
            inner = fingerprint(image[top:-top, left:-left])
            known[part] += near_pairs([fingerprint(image), inner]) == [(0, 1)]
    assert known[0.01] > 0.9 * len(paths)
    assert known[0.05] == 0  # what the docs say; whoever makes it better may change them
