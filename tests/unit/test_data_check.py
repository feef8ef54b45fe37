"""A look at a data set: every kind of damage is found and named where it is, and nothing else."""

from __future__ import annotations

import json
import os
import struct
import time
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("cv2")

from hypothesis import given
from hypothesis import strategies as st

from edgeyolo.dataset.examine import Examination, examine
from edgeyolo.dataset.examine_image import examine_image
from edgeyolo.dataset.findings import Finding, Kind
from edgeyolo.dataset.formats import jpeg_pixels, look
from edgeyolo.dataset.label_file import examine_labels
from edgeyolo.dataset.labels import label_path, read_labels
from edgeyolo.dataset.read import read_dataset
from edgeyolo.dataset.together import together
from edgeyolo.errors import DataError
from tests.command import edgeyolo, edgeyolo_here
from tests.unit import broken
from tests.unit.broken import DAMAGES, FOLDER, IMAGES, NAMES, TEXT, Damage

# What the reader takes as it is, although a check calls it damage: it drops the line that stands
# twice and draws a box around an outline, and the other end of the way may not.
_TAKEN = {Kind.LINE_DUPLICATED, Kind.LINE_POLYGON}


# Damage of another kind that the same line is as well.
_ALSO = {
    "outline outside": {Kind.LINE_POLYGON},
    "outline without area": {Kind.LINE_POLYGON},
    "quoted name": {Kind.LINE_SEPARATORS},
    "Latin-1": {Kind.LINE_COMMENT},
    "a link to nothing": {Kind.IMAGE_MISSING},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A sound data set in a folder of any name."""
    broken.make(tmp_path / FOLDER)
    return tmp_path / FOLDER


def look_at(root: Path, imgsz: int = 640) -> Examination:
    return examine(read_dataset(root, lenient=True), imgsz)


def kinds(root: Path) -> list[str]:
    return [finding.kind.value for finding in look_at(root).findings]


def test_a_sound_set_has_no_findings(root: Path) -> None:
    found = look_at(root)
    assert found.findings == ()
    assert not found.is_damaged
    counts = found.counts("train")
    images = len(IMAGES["train"])
    assert (counts.images, counts.labels, counts.boxes) == (images, images, 3 * images)
    assert all((facts.height, facts.width) == (96, 128) for facts in found.images.values())


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_damage_is_found_where_it_is(root: Path, damage: Damage) -> None:
    assert damage.kind.value not in kinds(root)
    file, line = damage.spoil(root)
    found = look_at(root)
    hits = [finding for finding in found.findings if finding.kind is damage.kind]
    assert (file, line) in [(hit.file, hit.line) for hit in hits], found.findings
    assert all(hit.what[-1] == "." == hit.remedy[-1] for hit in hits)
    place = f"{file}:{line}: " if line else f"{file}: "
    assert any(str(hit).startswith(place + hit.what) for hit in hits)
    assert {hit.severity for hit in hits} == {damage.kind.severity}
    others = {hit.kind for hit in found.findings if hit.severity == "damage"} - {damage.kind}
    assert others <= _ALSO.get(damage.name, set())


def test_the_corpus_is_complete() -> None:
    assert len({damage.name for damage in DAMAGES}) == len(DAMAGES) >= 40
    assert {damage.kind for damage in DAMAGES} == set(Kind)


@pytest.mark.parametrize("name", ["twice", "tabs", "half a JPEG", "no labels"])
def test_exit_code_and_text(root: Path, name: str) -> None:
    damage = next(damage for damage in DAMAGES if damage.name == name)
    assert edgeyolo_here("data", "check", root) == 0
    file, line = damage.spoil(root)
    done = edgeyolo("data", "check", root)
    is_damage = damage.kind.severity == "damage"
    assert done.returncode == (1 if is_damage else 0), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines()[0].startswith("DAMAGE" if is_damage else "NOTICES")
    assert f"{damage.kind.value}: 1" in done.stdout.splitlines()
    assert f"{file}:{line}: " in done.stdout or f"{file}: " in done.stdout
    last = done.stdout.splitlines()[-1]
    assert "train 8 images" in last or "train 9 images" in last
    assert f"1 finding: {int(is_damage)} damage, {int(not is_damage)} notice" in last


def test_json(root: Path) -> None:
    (damage,) = (damage for damage in DAMAGES if damage.name == "class too high")
    file, line = damage.spoil(root)
    done = edgeyolo("data", "check", root / "data.yaml", "--json")
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["images"] == {"train": 8, "val": 3}
    assert answer["labels"] == {"train": 8, "val": 3}
    assert answer["boxes"] == {"train": 24, "val": 9}
    (finding,) = answer["findings"]
    assert finding["kind"] == "class-out-of-range"
    assert finding["severity"] == "damage"
    assert (finding["file"], finding["line"]) == (str(file), line)


def test_every_finding_is_printed(root: Path) -> None:
    images = [
        broken.add(root, "train", f"n{index}.png", seed=1000 + index, text=None)
        for index in range(40)
    ]
    lines = edgeyolo("data", "check", root).stdout.splitlines()
    for image in images:
        assert sum(line.startswith(f"{image}: ") for line in lines) == 1


def test_every_file_is_read_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, seen, read = read_dataset(root), Counter[Path](), Path.read_bytes

    def counted(path: Path) -> bytes:
        seen[path] += 1
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    assert examine(dataset, 640).findings == ()
    images = [image for split in dataset.splits.values() for image in split]
    assert seen == Counter([*images, *map(label_path, images)])


def test_progress_goes_to_the_end(root: Path) -> None:
    steps: list[tuple[int, int]] = []
    examine(read_dataset(root), 640, lambda done, total: steps.append((done, total)))
    assert steps == [(done, 22) for done in range(1, 23)]


def test_an_empty_label_file_is_background(root: Path) -> None:
    broken.add(root, "train", "empty.jpg", seed=9, text="")
    broken.add(root, "train", "lines.jpg", seed=10, text="\n\n")
    assert kinds(root) == []


def test_size_of_boxes_depends_on_imgsz(root: Path) -> None:
    label = root / "labels/train/a.txt"
    label.write_text(TEXT + "1 0.5 0.5 0.02 0.02\n")  # 2.56 x 1.92 of 128 x 96 pixels
    assert look_at(root, 640).findings == ()
    (finding,) = look_at(root, 320).findings
    assert finding.kind is Kind.BOX_TOO_SMALL
    assert (finding.file, finding.line) == (label, 4)
    assert "6.4 x 4.8" in finding.what


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("classes.txt", "cat\ndog\n"),
        ("notes.txt", "photographed in May\n"),
        ("list.txt", "images/train/a.jpg\nimages/train/1.jpg\n"),
    ],
)
@pytest.mark.parametrize("folder", ["labels/train", "images/train", "."])
def test_other_texts_are_no_labels(root: Path, folder: str, name: str, content: str) -> None:
    (root / folder / name).write_text(content)
    assert kinds(root) == []


@pytest.mark.parametrize("folder", ["labels/train", "labels/train/deeper"])
@pytest.mark.parametrize("content", [TEXT, "", "9 1,5 0,5 0,5 0,5\n", TEXT.encode("utf-16")])
def test_labels_of_no_image(root: Path, folder: str, content: str | bytes) -> None:
    path = root / folder / "gone.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (finding,) = look_at(root).findings
    assert (finding.kind, finding.file) == (Kind.LABELS_WITHOUT_IMAGE, path)


def test_a_list_may_leave_images_out(root: Path) -> None:
    lines = [str(root / "images/train" / name) for name in IMAGES["train"][:3]]
    (root / "some.txt").write_text("\n".join(lines) + "\n")
    (root / "data.yaml").write_text(broken.YAML.replace("images/train", "some.txt"))
    found = look_at(root)
    assert found.findings == ()
    assert found.counts("train").images == 3


def test_labels_beside_the_images(tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        for seed, name in enumerate(("a", "b"), start=len(split)):
            image = broken.encoded(broken.picture(seed), ".jpg")
            (tmp_path / split / f"{name}.jpg").write_bytes(image)
            (tmp_path / split / f"{name}.txt").write_text(TEXT)
    (tmp_path / "data.yaml").write_text(f"train: train\nval: val\nnames: {list(NAMES)}\n")
    assert kinds(tmp_path) == []
    (tmp_path / "train/b.txt").rename(tmp_path / "train/B.txt")
    assert "labels-misplaced" in kinds(tmp_path)


def test_linked_images(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for image in sorted((root / "images/train").iterdir()):
        moved = image.rename(tmp_path / "elsewhere" / image.name)
        image.symlink_to(moved)
    assert kinds(root) == []


def test_names_that_are_no_text(root: Path) -> None:
    raw = os.fsencode(root / "images/train") + b"/gr\xf6\xdfe.jpg"
    try:
        Path(os.fsdecode(raw)).write_bytes(broken.encoded(broken.picture(9), ".jpg"))
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    done = edgeyolo("data", "check", root)
    assert done.returncode == 0, done.stderr
    assert "\\udcf6\\udcdfe.jpg: There are no labels" in done.stdout
    (finding,) = json.loads(edgeyolo("data", "check", root, "--json").stdout)["findings"]
    assert finding["kind"] == "image-without-labels"


def test_what_cannot_be_read_is_a_finding(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, label = root / "images/train/a.jpg", root / "labels/train/d.txt"
    read = Path.read_bytes

    def refused(path: Path) -> bytes:
        if path in (image, label):
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refused)
    found = look_at(root).findings
    assert [(finding.kind, finding.file) for finding in found] == [
        (Kind.IMAGE_UNREADABLE, image),
        (Kind.LABELS_UNREADABLE, label),
    ]
    assert all("permission denied" in finding.what for finding in found)


def test_it_says_what_goes_unseen(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert edgeyolo_here("data", "check", root) == 0
    assert "simplejpeg" not in capsys.readouterr().err
    monkeypatch.setattr(jpeg_pixels, "simplejpeg", None)
    assert edgeyolo_here("data", "check", root) == 0
    assert "unseen: python3 -m pip install simplejpeg" in capsys.readouterr().err


def test_a_file_that_goes_meanwhile_is_a_finding(root: Path) -> None:
    dataset = read_dataset(root)
    (root / "images/train/a.jpg").unlink()
    (root / "labels/val/w.txt").unlink()
    found = examine(dataset, 640).findings
    assert [(finding.kind, finding.file.name) for finding in found] == [
        (Kind.IMAGE_UNREADABLE, "a.jpg"),
        (Kind.IMAGE_WITHOUT_LABELS, "w.png"),
    ]


def test_what_is_in_the_way_of_images(root: Path, tmp_path: Path) -> None:
    folder = root / "images/train"
    (folder / "deep.jpg").mkdir()  # a folder with images in it may have any name
    (folder / "a.jpg").rename(folder / "deep.jpg/a.jpg")
    (root / "labels/train/deep.jpg").mkdir()
    (root / "labels/train/a.txt").rename(root / "labels/train/deep.jpg/a.txt")
    (folder / "round").symlink_to(folder, target_is_directory=True)
    assert kinds(root) == []
    assert look_at(root).counts("train").images == 8


def test_after_ctrl_c_nothing_more_is_begun() -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        time.sleep(0.02)

    def progress(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        together(work, range(5000), progress)
    assert len(begun) < 1000


@pytest.mark.parametrize(
    "text", ["names: [a\n", "names: [a, b]\n", broken.YAML.replace("images/val", "images/no")]
)
def test_no_data_set(root: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "data.yaml").write_text(text)
    assert edgeyolo_here("data", "check", root) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "data.yaml" in said.err


def test_a_size_that_no_net_has(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert edgeyolo_here("data", "check", root, "--imgsz", 100) == 2
    assert "100" in capsys.readouterr().err


def test_findings_come_by_severity_and_kind(root: Path) -> None:
    for name in ("tabs", "twice", "half a PNG", "other capitals", "turned JPEG", "NaN"):
        next(damage for damage in DAMAGES if damage.name == name).spoil(root)
    findings = look_at(root).findings
    order = [(finding.severity, list(Kind).index(finding.kind)) for finding in findings]
    assert order == sorted(order)


def test_a_jpeg_may_go_on_after_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(broken.encoded(broken.picture(1), ".jpg") + b"a short film")
    assert examine_image(path).faults == ()


def test_padding_between_the_segments_of_a_jpeg() -> None:
    data = broken.encoded(broken.picture(1), ".jpg")
    found = look(data[:2] + b"\xff\xff\xff" + data[2:])
    assert found is not None
    assert found.is_whole
    assert found.size == (96, 128)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tif"])
def test_no_beginning_of_a_file_passes_for_all_of_it(tmp_path: Path, suffix: str) -> None:
    data = broken.encoded(broken.picture(1, 48, 40), suffix)
    path = tmp_path / f"a{suffix}"
    for size in range(0, len(data), max(1, len(data) // 150)):
        path.write_bytes(data[:size])
        assert not examine_image(path).is_usable, size
    path.write_bytes(data)
    assert examine_image(path).is_usable


@given(st.binary(max_size=200), st.sampled_from(["jpg", "png", "bmp", "webp", "tif", ""]))
def test_no_bytes_are_an_error(tail: bytes, format: str) -> None:
    starts = {
        "jpg": b"\xff\xd8",
        "png": b"\x89PNG\r\n\x1a\n",
        "bmp": b"BM",
        "webp": b"RIFF\x10\0\0\0WEBP",
        "tif": b"II*\0\x08\0\0\0",
        "": b"",
    }
    look(starts[format] + tail)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation(tmp_path: Path, orientation: int, order: str) -> None:
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    tag = mark + struct.pack(f"{order}IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)
    jpeg = broken.encoded(broken.picture(1), ".jpg")
    segment = b"Exif\0\0" + tag
    length = struct.pack(">H", len(segment) + 2)
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + length + segment + jpeg[2:])
    facts = examine_image(path)
    assert [fault.kind for fault in facts.faults] == [Kind.IMAGE_ROTATED] * (orientation > 1)
    assert (facts.height, facts.width) == ((96, 128) if orientation < 5 else (128, 96))


_NUMBERS = st.one_of(
    st.floats(-0.3, 1.3).map(lambda value: f"{value:.4f}"),
    st.sampled_from(["0", "1", "0.5", "-0.5", "nan", "inf", "x", "2", "640", "1e-3", "0,5", "#"]),
)
_RANDOM_LINE = st.builds(
    lambda label, values, gap: gap.join([label, *values]),
    st.sampled_from(["0", "1", "2", "3", "-1", "1.5", "dog", ""]),
    st.lists(_NUMBERS, max_size=9),
    st.sampled_from([" ", "  ", "\t", ",", ", "]),
)


@given(st.lists(_RANDOM_LINE, max_size=6), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_damage_is_what_the_reader_refuses(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str, marked: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.txt"
    path.write_bytes((("\ufeff" if marked else "") + end.join(lines)).encode())
    seen = examine_labels(path, NAMES)
    refused = {finding.kind for finding in seen.findings() if _is_refused(finding)}
    try:
        boxes = read_labels(path, len(NAMES))
    except DataError:
        assert refused
        return
    assert not refused
    assert len(boxes) == len(seen.labels)


def _is_refused(finding: Finding) -> bool:
    return finding.severity == "damage" and finding.kind not in _TAKEN


@pytest.mark.real_data
def test_photos(test_data: Path) -> None:
    found = look_at(test_data / "bccd")
    (finding,) = found.findings  # one field of view in two focuses
    assert finding.kind is Kind.IMAGE_NEARLY_ACROSS_SPLITS
    assert finding.file.name == "BloodImage_00037.jpg"
    assert "BloodImage_00038.jpg" in finding.what
    assert [found.counts(split).images for split in ("train", "val", "test")] == [205, 87, 72]
    assert not look_at(test_data / "coco128").is_damaged


def test_the_group_has_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert edgeyolo_here("data", "--help") == 0
    said = capsys.readouterr().out
    for name in ("check", "fix", "convert", "split", "stats"):
        assert f"  {name} " in said
