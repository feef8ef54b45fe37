"""A split that is fair to each class, tears no group apart, and loses nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("cv2")

import cv2

from edgeyolo.cli.data_split import command
from edgeyolo.cli.edge import guard
from edgeyolo.dataset.fingerprint import fingerprint
from edgeyolo.dataset.labels import label_path
from edgeyolo.dataset.near import groups
from edgeyolo.dataset.read import read_dataset
from edgeyolo.dataset.split import joined, stratify
from edgeyolo.errors import ExitCode
from edgeyolo.images import Image, read_image
from tests.command import edgeyolo

Say = Callable[..., tuple[int, str, str]]
NAMES = ("cat", "dog", "bird")


def _picture(seed: int) -> Image:
    """Like no other: rectangles at random."""
    random = np.random.default_rng(seed)
    image = np.full((96, 128, 3), random.integers(0, 255), np.uint8)
    for left, top, width, height, shade in random.integers(8, 90, (40, 5)).tolist():
        cv2.rectangle(image, (left, top), (left + width, top + height), (3 * shade % 256,) * 3, -1)
    return image


def _write(path: Path, image: Image, quality: int = 95) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix == ".jpg" else []
    path.write_bytes(cv2.imencode(path.suffix, image, flags)[1].tobytes())
    return path


def _label(image: Path, text: str) -> None:
    path = label_path(image)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, newline="")


def _state(root: Path) -> dict[str, tuple[int, int]]:
    files = [root, *sorted(root.rglob("*"))]
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_ctime_ns) for path in files}


@pytest.fixture(scope="module")
def pictures() -> list[Image]:
    """Sixty that are not near each other."""
    made = [_picture(seed) for seed in range(60)]
    assert len(set(groups(list(map(fingerprint, made))))) == len(made)
    return made


@pytest.fixture
def data(tmp_path: Path, pictures: list[Image]) -> Path:
    """40 images of cats, 20 of dogs, 10 of birds among them, and 10 of nothing; no val split."""
    root = tmp_path / "Bilder ü"
    for number, picture in enumerate(pictures):
        image = _write(root / "images" / "train" / f"{number}.png", picture)
        classes = [0] * (number < 40) + [1] * (30 <= number < 50) + [2] * (35 <= number < 45)
        lines = [f"{index} 0.5 0.5 0.{index + 1} 0.2\n" for index in classes]
        if lines:
            _label(image, "".join(lines))
    (root / "data.yaml").write_text(f"train: images/train\nnames: {list(NAMES)}\n")
    return root


@pytest.fixture
def split(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run the command; its exit code, stdout and stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        code = int(guard(command, [str(word) for word in words]))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def _where(out: Path) -> dict[bytes, str]:
    """The split of each image, by its content."""
    dataset = read_dataset(out)
    return {
        image.read_bytes(): split for split in dataset.splits for image in dataset.images(split)
    }


def _contents(root: Path) -> Counter[tuple[bytes, bytes]]:
    """Images with the content of their labels, wherever they are."""
    found: Counter[tuple[bytes, bytes]] = Counter()
    for image in (root / "images").rglob("*.*"):
        labels = label_path(image)
        found[image.read_bytes(), labels.read_bytes() if labels.is_file() else b""] += 1
    return found


def test_each_class_gets_its_share(data: Path, tmp_path: Path, split: Say) -> None:
    before, out = _state(data), tmp_path / "new"
    code, said, told = split(data, "--out", out, "--val", 0.2, "--test", 0.1, "--json")
    assert (code, _state(data)) == (0, before), told
    assert _contents(out) == _contents(data), "an image or a label was lost or changed"
    answer = json.loads(said)["splits"]
    assert [answer[name]["images"] for name in answer] == [42, 12, 6]
    assert [answer[name]["backgrounds"] for name in answer] == [7, 2, 1]
    for index, wanted in enumerate([(28, 8, 4), (14, 4, 2), (7, 2, 1)]):
        for name, count in zip(("train", "val", "test"), wanted, strict=True):
            found = answer[name]["classes"][NAMES[index]]
            assert found["boxes"] == found["images"]
            assert abs(found["images"] - count) <= 1


def test_the_same_seed_gives_the_same_split(data: Path, tmp_path: Path, split: Say) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert split(data, "--out", tmp_path / name, "--seed", seed)[0] == 0
    assert _where(tmp_path / "a") == _where(tmp_path / "b")
    assert _where(tmp_path / "a") != _where(tmp_path / "c")


def test_the_same_split_in_another_process_and_order(
    data: Path, tmp_path: Path, split: Say
) -> None:
    copy = tmp_path / "another place" / "копия"
    for path in sorted(data.rglob("*"), reverse=True):  # as another file system may list them
        if path.is_file():
            target = copy / path.relative_to(data)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    assert split(data, "--out", tmp_path / "a", "--seed", 3)[0] == 0
    other = {"PYTHONHASHSEED": "77"}
    words = ("data", "split", copy, "--out", tmp_path / "b", "--seed", 3)
    assert edgeyolo(*words, env=other).returncode == 0
    assert _where(tmp_path / "a") == _where(tmp_path / "b")


def test_near_duplicates_stay_together(
    data: Path, tmp_path: Path, pictures: list[Image], split: Say
) -> None:
    copies = {}
    for number in range(0, 60, 3):
        for quality in (30, 60):
            path = data / "images" / "train" / f"{number}-{quality}.jpg"
            copies[_write(path, pictures[number], quality)] = number
    assert split(data, "--out", tmp_path / "new", "--val", 0.3)[0] == 0
    where = _where(tmp_path / "new")
    splits = {
        where[copy.read_bytes()] == where[(data / f"images/train/{number}.png").read_bytes()]
        for copy, number in copies.items()
    }
    assert splits == {True}
    assert set(where.values()) == {"train", "val"}


def test_augmented_copies_stay_together(
    data: Path, tmp_path: Path, pictures: list[Image], split: Say
) -> None:
    """Roboflow's names tell, where pictures no longer look alike."""
    for number in range(60):
        source = data / "images" / "train" / f"{number}.png"
        name = f"IMG_{number // 2}_png.rf.{number:032x}.png"
        source.rename(source.with_name(name))
    for path in (data / "labels" / "train").iterdir():
        number = int(path.stem)
        path.rename(path.with_name(f"IMG_{number // 2}_png.rf.{number:032x}.txt"))
    assert split(data, "--out", tmp_path / "new", "--val", 0.3)[0] == 0
    dataset = read_dataset(tmp_path / "new")
    stems = [{i.name.split(".rf.")[0] for i in dataset.images(s)} for s in ("train", "val")]
    assert not stems[0] & stems[1]
    assert len(stems[0]) + len(stems[1]) == 30
    assert len(dataset.images("val")) == 18


def test_too_few_groups(tmp_path: Path, pictures: list[Image], split: Say) -> None:
    root = tmp_path / "data"
    for number in range(5):
        image = _write(root / "images" / f"{number}.jpg", pictures[0], 50 + 10 * number)
        _label(image, "0 0.5 0.5 0.2 0.2\n")
    code, _, told = split(root, "--names", "cat", "--out", tmp_path / "new")
    assert code == ExitCode.USAGE
    assert "5 images are 1 groups" in told
    assert not (tmp_path / "new").exists()


def test_splits_are_pooled_and_labels_kept_as_they_are(
    tmp_path: Path, pictures: list[Image], split: Say
) -> None:
    root = tmp_path / "data"
    polygon = "1 0.1 0.1 0.5 0.1 0.3 0.9\r\n\r\n0 0.5 0.5 0.25 0.25"
    for folder in ("a", "b"):  # the same names in both
        for number in range(6):
            place = root / folder / "images" / f"{number}.png"
            _label(_write(place, pictures[6 * (folder == "b") + number]), polygon)
    lines = [f"../data/{folder}/images/{n}.png" for folder in "ab" for n in range(6)]
    (root / "all.txt").write_text("\n".join(lines))
    text = "train: all.txt\nval: b/images\ntest: [a/images]\nnames: [cat, dog]\n"
    (root / "data.yaml").write_text(text)
    before = _state(root)
    code, _, told = split(root / "data.yaml", "--out", tmp_path / "new", "--val", 0.5)
    assert code == 0, told
    assert _state(root) == before
    dataset = read_dataset(tmp_path / "new")
    assert {name: len(images) for name, images in dataset.splits.items()} == {"train": 6, "val": 6}
    found = [image for images in dataset.splits.values() for image in images]
    assert {image.read_bytes() for image in found} == {p.read_bytes() for p in root.rglob("*.png")}
    assert {label_path(image).read_bytes() for image in found} == {polygon.encode()}


@pytest.mark.parametrize("place", ["classes.txt", "labels/classes.txt", "--names"])
def test_a_folder_without_data_yaml(data: Path, tmp_path: Path, split: Say, place: str) -> None:
    (data / "data.yaml").unlink()
    named = ["--names", " cat, dog,bird"] if place == "--names" else []
    if not named:
        (data / place).write_text("cat\ndog\nbird\n\n")
    code, _, told = split(data, "--out", tmp_path / "new", *named)
    assert code == 0, told
    assert read_dataset(tmp_path / "new").names == NAMES
    assert _contents(tmp_path / "new") == _contents(data)


def test_links(data: Path, tmp_path: Path, split: Say) -> None:
    target = data / "images" / "train" / "0.png"
    store = target.rename(tmp_path / "0815")
    target.symlink_to(store)
    assert split(data, "--out", tmp_path / "copied")[0] == 0
    assert split(data, "--out", tmp_path / "linked", "--link")[0] == 0
    assert _where(tmp_path / "copied") == _where(tmp_path / "linked")
    links = [
        image for s in ("train", "val") for image in read_dataset(tmp_path / "linked").images(s)
    ]
    assert all(image.is_symlink() for image in links)
    assert store.resolve() in {image.resolve() for image in links}
    copies = [
        image for s in ("train", "val") for image in read_dataset(tmp_path / "copied").images(s)
    ]
    assert not any(image.is_symlink() for image in copies)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda root: (root / "data.yaml").unlink(), ["names its classes", "--names"]),
        (
            lambda root: (root / "data.yaml").write_text("names: [a]"),
            ["data.yaml", "names no train split"],
        ),
        (lambda root: (root / "data.yaml").write_text("train: a: b"), ["data.yaml", "YAML"]),
        (lambda root: (root / "data.yaml").write_text("train: gone\nnames: [a]"), ["not exist"]),
        (lambda root: (root / "labels/train/0.txt").write_text("0 1 2"), ["0.txt line 1"]),
        (lambda root: (root / "labels/train/0.txt").write_text("9 .5 .5 .1 .1"), ["class 9"]),
        (lambda root: (root / "images/train/5.png").write_bytes(b""), ["5.png"]),
        (lambda root: (root / "labels").rename(root / "other"), ["has a label"]),
    ],
)
def test_malformed(
    data: Path, tmp_path: Path, split: Say, change: Callable[[Path], Any], words: list[str]
) -> None:
    change(data)
    before = _state(data)
    code, said, told = split(data, "--out", tmp_path / "new")
    assert (code, said) == (ExitCode.USAGE, "")
    for word in words:
        assert word in told
    assert _state(data) == before
    assert [path.name for path in tmp_path.iterdir()] == [data.name]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--val", "0"], "--val"),
        (["--val", "1"], "--val"),
        (["--val", "-0.1"], "--val"),
        (["--val", "nan"], "--val"),
        (["--val", "0.5", "--test", "0.5"], "leave nothing to train on"),
        (["--names", "a,b"], "--names"),
    ],
)
def test_wrong_flags(data: Path, tmp_path: Path, split: Say, words: list[str], said: str) -> None:
    code, _, told = split(data, "--out", tmp_path / "new", *words)
    assert code == ExitCode.USAGE
    assert said in told
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("text", ["cat\n\ndog\nbird\n", "cat\ncat\ndog", b"\xff\xfe"])
def test_broken_list_of_classes(data: Path, tmp_path: Path, split: Say, text: str | bytes) -> None:
    (data / "data.yaml").unlink()
    path = data / "classes.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    code, _, told = split(data, "--out", tmp_path / "new")
    assert code == ExitCode.USAGE
    assert str(path) in told


def test_out_is_never_an_old_folder_nor_in_the_source(
    data: Path, tmp_path: Path, split: Say
) -> None:
    (tmp_path / "there").mkdir()
    before = _state(tmp_path)
    for out, words in (
        (tmp_path / "there", "exists already"),
        (data, "exists already"),
        (data / "new", "inside"),
        (data / "images" / "train" / "new", "inside"),
    ):
        code, _, told = split(data, "--out", out)
        assert code == ExitCode.USAGE
        assert words in told and str(out) in told
    assert _state(tmp_path) == before


def test_a_class_that_a_split_lacks_is_told(data: Path, tmp_path: Path, split: Say) -> None:
    for number in range(35, 44):
        path = data / "labels" / "train" / f"{number}.txt"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if line[0] != "2"))
    _, said, told = split(data, "--out", tmp_path / "new")
    assert "val shows nothing of 1 classes" in told and "bird" in told
    assert "1 in 1" in said


# The rule itself.

Case = tuple[list[list[int]], list[frozenset[int]], dict[str, float]]


@st.composite
def _cases(draw: st.DrawFn) -> Case:
    """Images in groups of up to five, each showing some of the classes."""
    count = draw(st.integers(40, 200))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    often = draw(st.lists(st.sampled_from([0.1, 0.3, 0.6, 0.95]), min_size=1, max_size=5))
    seen = random.random((count, len(often))) < often
    classes = [frozenset(np.flatnonzero(row).tolist()) for row in seen]
    most = draw(st.integers(1, 5))
    marks = random.integers(0, most, count).cumsum() if most > 1 else np.arange(count)
    parts = [np.flatnonzero(marks == mark).tolist() for mark in np.unique(marks)]
    val, test = draw(st.sampled_from([(0.2, 0.0), (0.1, 0.1), (0.3, 0.2), (0.5, 0.0)]))
    shares = {"train": 1 - val - test, "val": val, "test": test}
    return parts, classes, {name: share for name, share in shares.items() if share}


@settings(max_examples=200, deadline=None)
@given(_cases())
def test_groups_stay_whole_and_classes_get_their_shares(case: Case) -> None:
    parts, classes, shares = case
    splits = stratify(parts, classes, shares)
    assert len(splits) == len(classes) and set(splits) == set(shares)
    assert all(len({splits[image] for image in part}) == 1 for part in parts)
    assert stratify(parts, classes, shares) == splits
    largest = max(map(len, parts))
    labels = frozenset().union(*classes)
    pairs = list(zip(splits, classes, strict=True))
    holders = [[split for split, seen in pairs if label in seen] for label in labels]
    without = [split for split, seen in pairs if not seen]
    for found in (*holders, without, splits):
        for split, share in shares.items():
            off = abs(found.count(split) - share * len(found))
            assert off <= 3 + 1.5 * largest, (len(found), off, largest)


def test_it_is_fairer_than_chance() -> None:
    random = np.random.default_rng(0)
    seen = random.random((400, 8)) < [0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4, 0.8]
    classes = [frozenset(np.flatnonzero(row).tolist()) for row in seen]
    splits = np.array(stratify([[i] for i in range(400)], classes, {"train": 0.8, "val": 0.2}))
    chance = np.where(random.permutation(400) < 320, "train", "val")
    found, drawn = (
        np.abs(seen[each == "val"].sum(0) - 0.2 * seen.sum(0)).sum() for each in (splits, chance)
    )
    assert found < drawn / 2
    assert np.abs(seen[splits == "val"].sum(0) - 0.2 * seen.sum(0)).max() <= 2


def test_no_split_stays_empty() -> None:
    for count in (2, 3, 4):
        splits = stratify(
            [[i] for i in range(count)], [frozenset({0})] * count, {"a": 0.9, "b": 0.1}
        )
        assert set(splits) == {"a", "b"}
    splits = stratify(
        [[0, 1, 2, 3], [4], [5, 6]], [frozenset()] * 7, {"a": 0.98, "b": 0.01, "c": 0.01}
    )
    assert set(splits) == {"a", "b", "c"}


def test_joined() -> None:
    assert joined([0, 1, 2, 3], "abcd") == [[0], [1], [2], [3]]
    assert joined([0, 1, 0, 3], "abcd") == [[0, 2], [1], [3]]
    assert joined([0, 1, 0, 3], "abca") == [[0, 2, 3], [1]]
    assert joined([0, 1, 2, 0, 4], "abbcc") == [[0, 3, 4], [1, 2]]


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["bccd", "coco128"])
def test_real_photos(test_data: Path, tmp_path: Path, split: Say, name: str) -> None:
    out = tmp_path / "new"
    code, said, told = split(test_data / name, "--out", out, "--val", 0.2, "--link", "--json")
    assert code == 0, told
    source, answer = read_dataset(test_data / name), json.loads(said)["splits"]
    pool = {image for images in source.splits.values() for image in images}
    found = read_dataset(out)
    links = [image for images in found.splits.values() for image in images]
    assert sorted(image.resolve() for image in links) == sorted(image.resolve() for image in pool)
    assert 0.18 <= answer["val"]["images"] / len(pool) <= 0.22
    near = groups([fingerprint(read_image(image)) for image in links])
    sides = {number: set() for number in near}
    for number, image in zip(near, links, strict=True):
        sides[number].add(image.parent.name)
    assert all(len(side) == 1 for side in sides.values())
    for each in answer["train"]["classes"]:
        counts = [answer[split]["classes"][each]["images"] for split in ("train", "val")]
        assert abs(counts[1] - 0.2 * sum(counts)) <= 3 + 0.02 * sum(counts), each
