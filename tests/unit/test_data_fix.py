"""A cleaned copy: what can be mended is, no good label is lost, and the source stays as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeyolo.dataset.check import load_split
from edgeyolo.dataset.clean_copy import check_out, write_copy
from edgeyolo.dataset.examine import examine
from edgeyolo.dataset.findings import Kind
from edgeyolo.dataset.fix import Cleaning, plan_cleaning
from edgeyolo.dataset.labels import label_path, read_labels
from edgeyolo.dataset.read import read_dataset
from edgeyolo.errors import DataError, EdgeyoloError, UsageError
from edgeyolo.images import IMAGE_SUFFIXES, read_image
from tests.command import edgeyolo, edgeyolo_here
from tests.unit import broken
from tests.unit.broken import DAMAGES, FOLDER, IMAGES, LINES, NAMES, ROWS, TEXT, YAML, Damage, Row

Rows = set[tuple[float, ...]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A sound data set in a folder of any name."""
    broken.make(tmp_path / FOLDER)
    return tmp_path / FOLDER


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A place for the copy, which is not there yet."""
    return tmp_path / "clean копия" / "data"


def fixed(root: Path, out: Path) -> Cleaning:
    """Write the copy; the data set must stay as it was."""
    before = state(root)
    found = examine(read_dataset(root, lenient=True), 640)
    cleaning = plan_cleaning(found)
    check_out(found.dataset, out)
    assert write_copy(found.dataset, cleaning, out) == out / "data.yaml"
    assert state(root) == before
    return cleaning


def state(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its time and content, links by what they point to."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mtime_ns,
            _content(path),
        )
        for path in [root, *sorted(root.rglob("*"))]
    }


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return bytes(path.readlink())
    return path.read_bytes() if path.is_file() else b""


def rows(path: Path) -> Rows:
    """The labels of a file as training reads them."""
    return set(map(tuple, read_labels(path, 99).round(6).tolist()))


def rounded(labels: Sequence[Row]) -> Rows:
    """The same in the reader's precision."""
    return set(map(tuple, np.array(labels, np.float32).round(6).tolist()))


GOOD = rounded(ROWS)


def test_a_sound_set_is_copied_as_it_is(root: Path, out: Path) -> None:
    cleaning = fixed(root, out)
    assert cleaning.changes == ()
    assert cleaning.left == ()
    assert (out / "changes.txt").read_text() == ""
    for folder in ("images", "labels"):
        assert state(out / folder).keys() == state(root / folder).keys()
        for path in (root / folder).rglob("*.*"):
            assert (out / path.relative_to(root)).read_bytes() == path.read_bytes()
    copy = read_dataset(out)
    assert copy.names == NAMES
    assert {split: len(images) for split, images in copy.splits.items()} == {"train": 8, "val": 3}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_damage_is_mended_or_told_of(root: Path, out: Path, tmp_path: Path, damage: Damage) -> None:
    spot = damage.spoil(root)
    cleaning = fixed(root, out)
    copy = examine(read_dataset(out), 640)
    still = {finding.kind for finding in copy.findings}
    assert (damage.kind in still) == (damage.outcome == "left"), copy.findings
    assert {finding.kind for finding in cleaning.left} == still
    told = [*cleaning.left] if damage.outcome == "left" else [*cleaning.changes]
    # Of two images that are the same, the other one goes.
    is_other = damage.kind is Kind.IMAGE_ACROSS_SPLITS and damage.outcome == "left out"
    assert is_other or spot in [(one.file, one.line) for one in told]
    assert (out / "changes.txt").read_text() == "".join(f"{one}\n" for one in cleaning.changes)
    no_label_is_lost(out, damage, spot[0])
    it_can_be_trained_on(out, damage)
    if damage.name != "one image in two lists":  # in the copy these are two files
        assert fixed(out, tmp_path / "again").changes == ()


def no_label_is_lost(out: Path, damage: Damage, file: Path) -> None:
    for split, names in IMAGES.items():
        for stem in [Path(name).stem for name in names]:
            kept = out / "left-out" / "labels" / split / f"{stem}.txt"
            labels = list((out / "labels" / split).rglob(f"{stem}.txt"))
            if damage.outcome == "left out" and kept.is_file():
                assert labels == []
                assert rows(kept) >= GOOD
                continue
            extra = rounded([damage.row]) if damage.row and file.stem == stem else set()
            assert [rows(label) for label in labels] == [GOOD | extra]


def it_can_be_trained_on(out: Path, damage: Damage) -> None:
    copy = read_dataset(out)
    for split in copy.splits:
        if damage.kind is not Kind.SPLIT_WITHOUT_LABELS or split != "test":
            assert load_split(copy, split)


def test_all_lines_at_once(root: Path, out: Path) -> None:
    for damage in LINES:
        damage.spoil(root)
    cleaning = fixed(root, out)
    assert len(cleaning.changes) >= len(LINES) >= 50
    assert examine(read_dataset(out), 640).findings == ()
    expected = rounded([damage.row for damage in LINES if damage.row])
    assert rows(out / "labels/train/b c.txt") == GOOD | expected


def test_a_line_that_goes_is_told_in_full(root: Path, out: Path) -> None:
    label = root / "labels/train/a.txt"
    label.write_text(TEXT + "7 0.5 0.5 0.1 0.1\n1,0.5,0.25,0.125,0.25\n")
    told = [str(change) for change in fixed(root, out).changes]
    assert told == [
        f"{label}:4: left out '7 0.5 0.5 0.1 0.1'. Class 7 is out of range.",
        f"{label}:5: '1 0.5 0.25 0.125 0.25' in place of '1,0.5,0.25,0.125,0.25'",
    ]
    assert (out / "labels/train/a.txt").read_text() == TEXT + "1 0.5 0.25 0.125 0.25\n"


def test_an_image_that_lost_all_labels_is_no_background(root: Path, out: Path) -> None:
    content = "1 64 24 16 24\n2 20 20 10 10\n"
    (root / "labels/train/a.txt").write_text(content)
    cleaning = fixed(root, out)
    assert not (out / "images/train/a.jpg").exists()
    assert (out / "left-out/images/train/a.jpg").is_file()
    assert (out / "left-out/labels/train/a.txt").read_text() == content
    assert [change.file.name for change in cleaning.changes] == ["a.jpg", "a.txt"]


@pytest.mark.parametrize("content", ["", "\n", "  \n", "# nothing on it\n"])
def test_background_stays(root: Path, out: Path, content: str) -> None:
    (root / "labels/train/a.txt").write_text(content)
    fixed(root, out)
    assert (out / "images/train/a.jpg").is_file()
    assert rows(out / "labels/train/a.txt") == set()


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_image_is_saved_as_it_is_seen(root: Path, out: Path, orientation: int) -> None:
    path = root / "images/train/a.jpg"
    path.write_bytes(broken.with_exif(path.read_bytes(), orientation))
    fixed(root, out)
    seen, saved = read_image(path), read_image(out / "images/train/a.jpg")
    assert seen.shape == saved.shape
    assert np.abs(seen.astype(int) - saved).mean() < 2
    assert examine(read_dataset(out), 640).findings == ()


def test_the_same_image_in_all_of_a_split_stays(root: Path, out: Path) -> None:
    for folder in ("images", "labels"):
        shutil.rmtree(root / folder / "val")
        shutil.copytree(root / folder / "train", root / folder / "val")
    cleaning = fixed(root, out)
    copy = read_dataset(out)
    assert len(copy.images("train")) == 1
    assert len(copy.images("val")) == 8
    assert [finding.kind for finding in cleaning.left] == [Kind.IMAGE_ACROSS_SPLITS]


def test_a_split_of_which_nothing_is_left(root: Path, out: Path) -> None:
    for image in (root / "images/val").iterdir():
        image.write_bytes(b"")
    with pytest.raises(DataError, match="val split"):
        fixed(root, out)
    assert not out.parent.exists()


def test_lists_and_folders_of_any_shape(tmp_path: Path, out: Path) -> None:
    root = tmp_path / "set"
    texts = [f"0 0.5 0.5 0.{index} 0.5\n" for index in range(1, 5)]
    places = ["x/images/a.jpg", "y/images/a.jpg", "y/images/images/a.jpg", "y/a.jpg"]
    for seed, (place, text) in enumerate(zip(places, texts, strict=True)):
        image = root / place
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(broken.encoded(broken.picture(seed), ".jpg"))
        label_path(image).parent.mkdir(parents=True, exist_ok=True)
        label_path(image).write_text(text)
    (root / "train.txt").write_text("\n".join(places))
    (root / "val").mkdir()
    (root / "val/v.jpg").write_bytes(broken.encoded(broken.picture(9), ".jpg"))
    (root / "val/v.txt").write_text(TEXT)
    (root / "data.yaml").write_text(
        YAML.replace("images/train", "train.txt").replace("images/", "")
    )
    fixed(root, out)
    copy = read_dataset(out)
    found = sorted(label_path(image).read_text() for image in copy.images("train"))
    assert found == texts
    assert rows(label_path(copy.images("val")[0])) == GOOD


def test_links_become_files(root: Path, out: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for image in sorted((root / "images/train").iterdir()):
        image.symlink_to(image.rename(tmp_path / "elsewhere" / image.name))
    fixed(root, out)
    copies = list((out / "images/train").iterdir())
    assert len(copies) == 8
    assert not any(copy.is_symlink() for copy in copies)


def test_other_keys_of_the_yaml_stay(root: Path, out: Path) -> None:
    text = f"path: .\nnc: 3\nlicense: größer\nmade: 2024-05-01\n{YAML}"
    (root / "data.yaml").write_text(text)
    fixed(root, out)
    values = yaml.safe_load((out / "data.yaml").read_text(encoding="utf-8"))
    expected = yaml.safe_load(text)
    del expected["path"]
    assert values == expected


def test_command(root: Path, out: Path) -> None:
    (damage,) = (damage for damage in DAMAGES if damage.name == "swapped corners")
    file, line = damage.spoil(root)
    broken.add(root, "train", "more.jpg", seed=9, text=None)
    before = state(root)
    dry = edgeyolo("data", "fix", root, "--out", out, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert not out.parent.exists()
    done = edgeyolo("data", "fix", root, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == dry.stdout
    assert done.stdout.splitlines()[0].startswith(f"{file}:{line}: '1 0.5 0.25 0.125 0.25' in pl")
    assert done.stdout.splitlines()[-1] == "1 change, 0 damaged places left, 1 notice left."
    assert state(root) == before
    assert edgeyolo_here("data", "check", out) == 0


def test_json(root: Path, out: Path) -> None:
    (damage,) = (damage for damage in DAMAGES if damage.name == "labels of two images")
    damage.spoil(root)
    (root / "labels/train/a.txt").write_text(f"\ufeff{TEXT}")
    done = edgeyolo("data", "fix", root, "--out", out, "--json")
    answer = json.loads(done.stdout)
    (change,) = answer["changes"]
    assert change["file"] == str(root / "labels/train/a.txt")
    assert [finding["kind"] for finding in answer["findings"]] == ["labels-shared"]


@pytest.mark.parametrize("place", [".", "clean", "images", "images/train/clean", "labels/clean"])
def test_not_into_the_data_set(root: Path, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = state(root)
    assert edgeyolo_here("data", "fix", root, "--out", root / place) == 2
    assert "--out" in capsys.readouterr().err
    assert state(root) == before


def test_not_into_the_data_set_by_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root, target_is_directory=True)
    with pytest.raises(UsageError, match="within"):
        check_out(read_dataset(root), tmp_path / "link" / "clean")


def test_not_among_images_that_lie_elsewhere(root: Path, tmp_path: Path) -> None:
    (tmp_path / "yaml").mkdir()
    path = tmp_path / "yaml" / "data.yaml"
    path.write_text(f"path: {root}\n{YAML}")
    with pytest.raises(UsageError, match="within"):
        check_out(read_dataset(path), root / "images/train/clean")


def test_only_into_a_folder_that_is_free(root: Path, out: Path) -> None:
    out.mkdir(parents=True)
    assert edgeyolo_here("data", "fix", root, "--out", out) == 0
    assert (out / "data.yaml").is_file()
    before = state(out)
    assert edgeyolo_here("data", "fix", root, "--out", out) == 2
    assert edgeyolo_here("data", "fix", root, "--out", out / "data.yaml") == 2
    assert state(out) == before


def test_a_file_that_goes_meanwhile_leaves_nothing(root: Path, out: Path) -> None:
    found = examine(read_dataset(root), 640)
    cleaning = plan_cleaning(found)
    (root / "images/val/w.png").unlink()
    with pytest.raises(EdgeyoloError, match=r"w\.png"):
        write_copy(found.dataset, cleaning, out)
    assert not out.parent.exists()


def test_a_copy_that_cannot_be_written(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = examine(read_dataset(root), 640)
    with pytest.raises(EdgeyoloError, match="Cannot write"):
        write_copy(found.dataset, plan_cleaning(found), tmp_path / "file" / "copy")


_PART = st.integers(1, 9).map(lambda tenth: tenth / 10)
_SOUND = st.builds(
    lambda label, x, y, part: f"{label} {x} {y} {min(x, 1 - x) * part:.6f} {min(y, 1 - y):.6f}",
    st.integers(0, 2),
    _PART,
    _PART,
    _PART,
)
_DRESS = st.sampled_from(
    [str, lambda line: f" {line}", lambda line: line.replace(" ", "\t"), lambda line: f"{line}  "]
)
_SOUND_LINE = st.builds(lambda line, dress: dress(line), _SOUND, _DRESS)
_SPOILED = st.sampled_from(
    [
        *("", "  ", "#", "\0", "\ufeff", "cow 0.5 0.5 0.1 0.1", "1 0.5 0.5", "1 nan 0.5 0.5 0.5"),
        *("9 0.5 0.5 0.1 0.1", "1 320 240 64 48", "1 0.5 0.5 0 0.1", "1,0.5,0.5,0.1,0.1"),
        *("1 0.1 0.1 0.5 0.1 0.3 0.9", "1 0.5 0.5 -0.1 0.1", "1 0.9 0.5 0.5 0.5", TEXT[:-1]),
    ]
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(st.tuples(st.booleans(), _SOUND_LINE, _SPOILED), min_size=1, max_size=12),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_no_good_label_is_lost_among_bad_ones(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[tuple[bool, str, str]],
    end: str,
    encoding: str,
) -> None:
    folder = tmp_path_factory.mktemp("random")
    image = broken.encoded(broken.picture(1), ".png")
    for split in ("train", "val"):
        (folder / split).mkdir()
        (folder / split / f"{split}.png").write_bytes(image)
        (folder / split / f"{split}.txt").write_text(TEXT)
    (folder / "data.yaml").write_text(YAML.replace("images/", ""))
    broken_lines = [good if is_good else bad for is_good, good, bad in lines]
    (folder / "train/b.png").write_bytes(broken.encoded(broken.picture(2), ".png"))
    (folder / "train/b.txt").write_bytes(end.join(broken_lines).encode(encoding))
    (folder / "good").write_text("\n".join(good for is_good, good, _ in lines if is_good))
    expected = rows(folder / "good")
    found = examine(read_dataset(folder), 640)
    out = folder.with_name(f"{folder.name}-clean")
    write_copy(found.dataset, plan_cleaning(found), out)
    copied = out / "labels/train/b.txt"
    assert (rows(copied) if copied.exists() else set()) >= expected
    if not copied.exists():
        assert (out / "left-out/images/train/b.png").is_file()
    shutil.rmtree(out)
    shutil.rmtree(folder)


def test_all_suffixes_are_in_the_corpus() -> None:
    suffixes = {Path(name).suffix.lower() for names in IMAGES.values() for name in names}
    assert suffixes | {".tiff"} == IMAGE_SUFFIXES
