"""A small sound data set, and every way to spoil it, with what a check and a fix have to say."""

from __future__ import annotations

import os
import struct
import unicodedata
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from edgeyolo.dataset.findings import Kind

Row = tuple[int, float, float, float, float]
Spot = tuple[Path, int | None]  # the file at fault, and the line
Outcome = Literal["mended", "left out", "left"]
Picture = npt.NDArray[np.uint8]

FOLDER = "наши data 数据"  # a space and other letters are no damage
NAMES = ("cat", "dog", "traffic light")
YAML = f"train: images/train\nval: images/val\nnames: [{', '.join(NAMES)}]\n"
ROWS: tuple[Row, ...] = (
    (0, 0.5, 0.5, 0.25, 0.5),
    (1, 0.25, 0.25, 0.5, 0.25),
    (2, 0.75, 0.625, 0.25, 0.125),
)
TEXT = "".join(" ".join(map(str, row)) + "\n" for row in ROWS)
IMAGES = {
    "train": ("a.jpg", "b c.jpg", "größe.jpg", "d.png", "e.bmp", "f.webp", "g.tif", "h.JPG"),
    "val": ("猫.jpg", "w.png", "x.jpeg"),
}
_WIDTH, _HEIGHT = 128, 96


def make(root: Path) -> Path:
    """A data set without any fault, in all formats; the path of its data.yaml."""
    for split, names in IMAGES.items():
        for index, name in enumerate(names):
            add(root, split, name, seed=100 * len(split) + index)
    (root / "data.yaml").write_text(YAML)
    return root / "data.yaml"


def add(root: Path, split: str, name: str, seed: int, text: str | None = TEXT) -> Path:
    """One more image, with these labels or without a label file."""
    image = root / "images" / split / name
    image.parent.mkdir(parents=True, exist_ok=True)
    image.write_bytes(encoded(picture(seed), image.suffix))
    if text is not None:
        label = root / "labels" / split / f"{image.stem}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_bytes(text.encode())
    return image


def picture(seed: int, width: int = _WIDTH, height: int = _HEIGHT) -> Picture:
    """Blots that look like no others."""
    blots = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)
    resized = cv2.resize(blots, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(resized, np.uint8)


def encoded(image: Picture, suffix: str) -> bytes:
    """Bytes of a file of that format."""
    return cv2.imencode(suffix, image)[1].tobytes()


def with_exif(jpeg: bytes, orientation: int, thumbnail: bytes = b"") -> bytes:
    """The same JPEG with a tag that turns it."""
    content = b"Exif\0\0" + exif(orientation) + thumbnail
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + jpeg[2:]


def exif(orientation: int) -> bytes:
    """The tag alone."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)


@dataclass(frozen=True, slots=True)
class Damage:
    """``spoil`` breaks the data set in a folder and says where; ``kind`` is what it must be called.

    ``mended``: the kind is gone from the copy, and no label of the sound set has gone with it;
    ``left out``: the same, but labels may be in the folder left-out; ``left``: it is for the
    owner. ``row`` is the label that the copy has in addition, in the file at fault.
    """

    name: str
    kind: Kind
    spoil: Callable[[Path], Spot]
    outcome: Outcome = "mended"
    row: Row | None = None


_LABEL = "labels/train/b c.txt"


def _line(name: str, kind: Kind, text: str, row: Row | None = None) -> Damage:
    """A fourth line in a file of three good ones."""

    def spoil(root: Path) -> Spot:
        path = root / _LABEL
        path.write_bytes(path.read_bytes() + f"{text}\n".encode())
        return path, 4

    return Damage(name, kind, spoil, row=row)


_NEW = (1, 0.5, 0.25, 0.125, 0.25)
LINES = (
    _line("tabs", Kind.LINE_WHITESPACE, "1\t0.5\t0.25\t0.125\t0.25", _NEW),
    _line("two spaces", Kind.LINE_WHITESPACE, "1 0.5  0.25 0.125 0.25", _NEW),
    _line("space before", Kind.LINE_WHITESPACE, " 1 0.5 0.25 0.125 0.25", _NEW),
    _line("space behind", Kind.LINE_WHITESPACE, "1 0.5 0.25 0.125 0.25 ", _NEW),
    _line("no-break space", Kind.LINE_WHITESPACE, "1\xa00.5 0.25 0.125 0.25", _NEW),
    _line("nothing but spaces", Kind.LINE_WHITESPACE, "  \t "),
    _line("commas", Kind.LINE_SEPARATORS, "1,0.5,0.25,0.125,0.25", _NEW),
    _line("commas and spaces", Kind.LINE_SEPARATORS, "1, 0.5, 0.25, 0.125, 0.25", _NEW),
    _line("comma at the end", Kind.LINE_SEPARATORS, "1 0.5 0.25 0.125 0.25,", _NEW),
    _line("semicolons", Kind.LINE_SEPARATORS, "1;0.5;0.25;0.125;0.25", _NEW),
    _line("decimal commas", Kind.LINE_SEPARATORS, "1 0,5 0,25 0,125 0,25", _NEW),
    _line("both commas", Kind.LINE_SEPARATORS, "1, 0,5, 0,25, 0,125, 0,25", _NEW),
    _line("brackets", Kind.LINE_SEPARATORS, "1 [0.5, 0.25, 0.125, 0.25]", _NEW),
    _line("quotes", Kind.LINE_SEPARATORS, '"1" "0.5" "0.25" "0.125" "0.25"', _NEW),
    _line("mark in the middle", Kind.LINE_SEPARATORS, "\ufeff1 0.5 0.25 0.125 0.25", _NEW),
    _line("invisible space", Kind.LINE_SEPARATORS, "1 0.5\u200b 0.25 0.125 0.25", _NEW),
    _line("comment behind", Kind.LINE_COMMENT, "1 0.5 0.25 0.125 0.25 # a dog", _NEW),
    _line("comment", Kind.LINE_COMMENT, "# dogs"),
    _line("class by name", Kind.CLASS_BY_NAME, "dog 0.5 0.25 0.125 0.25", _NEW),
    _line("class by other capitals", Kind.CLASS_BY_NAME, "Dog 0.5 0.25 0.125 0.25", _NEW),
    _line(
        "name of two words", Kind.CLASS_BY_NAME, "traffic light 0.5 0.25 0.125 0.25", (2, *_NEW[1:])
    ),
    _line("quoted name", Kind.CLASS_BY_NAME, "'dog', 0.5, 0.25, 0.125, 0.25", _NEW),
    _line("unknown name", Kind.LINE_NOT_NUMBERS, "cow 0.5 0.25 0.125 0.25"),
    _line("word", Kind.LINE_NOT_NUMBERS, "1 0.5 x 0.125 0.25"),
    _line("conflict mark", Kind.LINE_NOT_NUMBERS, "<<<<<<< HEAD"),
    _line("zeros of a power cut", Kind.LINE_NOT_NUMBERS, "\0" * 64),
    _line("one number", Kind.LINE_COUNT, "1"),
    _line("cut off", Kind.LINE_COUNT, "1 0.5 0.25 0.125"),
    _line("outline cut off", Kind.LINE_COUNT, "1 0.1 0.1 0.2 0.2 0.3 0.3 0.4"),
    _line("score", Kind.LINE_EXTRA_COLUMN, "1 0.5 0.25 0.125 0.25 0.93", _NEW),
    _line("track", Kind.LINE_EXTRA_COLUMN, "1 0.5 0.25 0.125 0.25 17", _NEW),
    _line("outline", Kind.LINE_POLYGON, "1 0.4375 0.125 0.5625 0.25 0.5 0.375", _NEW),
    _line("turned box", Kind.LINE_POLYGON, "1 0.5 0.125 0.5625 0.25 0.5 0.375 0.4375 0.25", _NEW),
    _line("twice", Kind.LINE_DUPLICATED, TEXT.split("\n")[0]),
    _line("twice in other digits", Kind.LINE_DUPLICATED, "0.0 .5 5e-1 0.250 0.5"),
    _line("NaN", Kind.VALUE_NOT_FINITE, "1 0.5 nan 0.125 0.25"),
    _line("NaN as class", Kind.VALUE_NOT_FINITE, "nan 0.5 0.25 0.125 0.25"),
    _line("infinite", Kind.VALUE_NOT_FINITE, "1 0.5 0.25 inf 0.25"),
    _line("too large a number", Kind.VALUE_NOT_FINITE, "1 0.5 0.25 1e999 0.25"),
    _line("class too high", Kind.CLASS_OUT_OF_RANGE, "3 0.5 0.25 0.125 0.25"),
    _line("class below 0", Kind.CLASS_OUT_OF_RANGE, "-1 0.5 0.25 0.125 0.25"),
    _line("half a class", Kind.CLASS_OUT_OF_RANGE, "1.5 0.5 0.25 0.125 0.25"),
    _line(
        "over the edge", Kind.BOX_OUTSIDE, "1 0.875 0.25 0.5 0.25", (1, 0.8125, 0.25, 0.375, 0.25)
    ),
    _line("center outside", Kind.BOX_OUTSIDE, "1 1.125 0.25 0.5 0.25"),
    _line("far outside", Kind.BOX_OUTSIDE, "1 -0.5 0.25 0.125 0.25"),
    _line(
        "outline outside", Kind.BOX_OUTSIDE, "1 0.5 0.5 1.5 0.5 1.2 0.9", (1, 0.75, 0.7, 0.5, 0.4)
    ),
    _line("pixels", Kind.BOX_IN_PIXELS, "1 64 24 16 24"),
    _line("no width", Kind.BOX_ZERO_SIZE, "1 0.5 0.25 0 0.25"),
    _line("no height", Kind.BOX_ZERO_SIZE, "1 0.5 0.25 0.125 0.0"),
    _line("outline without area", Kind.BOX_ZERO_SIZE, "1 0.1 0.2 0.1 0.5 0.1 0.9"),
    _line("beyond the edge", Kind.BOX_ZERO_SIZE, "1 1.005 0.25 0.005 0.25"),
    _line("swapped corners", Kind.BOX_NEGATIVE_SIZE, "1 0.5 0.25 -0.125 0.25", _NEW),
    _line("both swapped", Kind.BOX_NEGATIVE_SIZE, "1 0.5 0.25 -0.125 -0.25", _NEW),
)


def _rewritten(change: Callable[[bytes], bytes]) -> Callable[[Path], Spot]:
    """The same labels in other bytes."""

    def spoil(root: Path) -> Spot:
        path = root / _LABEL
        path.write_bytes(change(path.read_bytes()))
        return path, None

    return spoil


def _one_more(content: bytes) -> Callable[[Path], Spot]:
    """An image more, with these bytes for labels."""

    def spoil(root: Path) -> Spot:
        add(root, "train", "more.jpg", seed=9)
        path = root / "labels/train/more.txt"
        path.write_bytes(content)
        return path, None

    return spoil


def _moved(old: str, new: str) -> Callable[[Path], Spot]:
    def spoil(root: Path) -> Spot:
        (root / old).rename(root / new)
        return root / new, None

    return spoil


def _decomposed(root: Path) -> Spot:
    path = root / "labels/train/größe.txt"
    other = path.with_name(unicodedata.normalize("NFD", path.name))
    path.rename(other)
    return other, None


def _shared(root: Path) -> Spot:
    add(root, "train", "a.png", seed=9, text=None)
    return root / "labels/train/a.txt", None


def _without_image(root: Path) -> Spot:
    (root / "images/train/a.jpg").unlink()
    return root / "labels/train/a.txt", None


def _link_to_nothing(root: Path) -> Spot:
    (root / "images/train/a.jpg").unlink()
    (root / "images/train/a.jpg").symlink_to(root / "gone.jpg")
    return root / "labels/train/a.txt", None


def _image_is(make: Callable[[Path], object]) -> Callable[[Path], Spot]:
    """The name of an image, without labels, for something else."""

    def spoil(root: Path) -> Spot:
        path = root / "images/train/more.jpg"
        make(path)
        return path, None

    return spoil


def _labels_are(make: Callable[[Path], object]) -> Callable[[Path], Spot]:
    """The same for the labels of an image."""

    def spoil(root: Path) -> Spot:
        add(root, "train", "more.jpg", seed=9, text=None)
        path = root / "labels/train/more.txt"
        make(path)
        return path, None

    return spoil


def _list_with_a_gap(root: Path) -> Spot:
    names = ["images/val/猫.jpg", "images/val/gone.jpg", "images/val/w.png", "images/val/x.jpeg"]
    (root / "val.txt").write_text("\n".join(names), encoding="utf-8")
    (root / "data.yaml").write_text(YAML.replace("images/val", "val.txt"))
    return root / "val.txt", 2


def _to_nothing(path: Path) -> None:
    path.symlink_to(path.parent / "gone")


def _in_a_circle(path: Path) -> None:
    path.symlink_to(path)


def _other_suffix(root: Path) -> Spot:
    (root / "images/train/a.jpg").rename(root / "images/train/a.heic")
    return root / "labels/train/a.txt", None


_FILES = (
    Damage("mark", Kind.LABELS_BOM, _rewritten(lambda data: b"\xef\xbb\xbf" + data)),
    Damage(
        "Windows line ends",
        Kind.LABELS_LINE_ENDS,
        _rewritten(lambda data: data.replace(b"\n", b"\r\n")),
    ),
    Damage(
        "old Mac line ends",
        Kind.LABELS_LINE_ENDS,
        _rewritten(lambda data: data.replace(b"\n", b"\r")),
    ),
    Damage(
        "UTF-16",
        Kind.LABELS_ENCODING,
        _rewritten(lambda data: data.decode().encode("utf-16")),
    ),
    Damage(
        "Latin-1",
        Kind.LABELS_ENCODING,
        _rewritten(lambda data: data + "# größe\n".encode("latin-1")),
    ),
    Damage(
        "an image for labels",
        Kind.LABELS_NOT_TEXT,
        _one_more(encoded(picture(9), ".jpg")),
        "left out",
    ),
    Damage(
        "noise for labels", Kind.LABELS_NOT_TEXT, _one_more(b"\xff\xfe\x00\x01\x80"), "left out"
    ),
    Damage("no image", Kind.LABELS_WITHOUT_IMAGE, _without_image, "left out"),
    Damage("a link to nothing", Kind.LABELS_WITHOUT_IMAGE, _link_to_nothing, "left out"),
    Damage("image of another format", Kind.LABELS_WITHOUT_IMAGE, _other_suffix, "left out"),
    Damage(
        "other capitals", Kind.LABELS_MISPLACED, _moved("labels/train/a.txt", "labels/train/A.txt")
    ),
    Damage(
        "capital suffix", Kind.LABELS_MISPLACED, _moved("labels/train/a.txt", "labels/train/a.TXT")
    ),
    Damage(
        "both suffixes",
        Kind.LABELS_MISPLACED,
        _moved("labels/train/a.txt", "labels/train/a.jpg.txt"),
    ),
    Damage(
        "space in the name",
        Kind.LABELS_MISPLACED,
        _moved("labels/train/a.txt", "labels/train/a .txt"),
    ),
    Damage(
        "among the images",
        Kind.LABELS_MISPLACED,
        _moved("labels/train/a.txt", "images/train/a.txt"),
    ),
    Damage("accents of a Mac", Kind.LABELS_MISPLACED, _decomposed),
    Damage("labels of two images", Kind.LABELS_SHARED, _shared, "left"),
    Damage("a link to no image", Kind.IMAGE_MISSING, _image_is(_to_nothing)),
    Damage("a link in a circle", Kind.IMAGE_MISSING, _image_is(_in_a_circle)),
    Damage("a folder for an image", Kind.IMAGE_MISSING, _image_is(Path.mkdir)),
    Damage("a pipe for an image", Kind.IMAGE_MISSING, _image_is(os.mkfifo)),
    Damage("a list with a gap", Kind.IMAGE_MISSING, _list_with_a_gap),
    Damage("a link to no labels", Kind.LABELS_UNREADABLE, _labels_are(_to_nothing), "left out"),
    Damage("a folder for labels", Kind.LABELS_UNREADABLE, _labels_are(Path.mkdir), "left out"),
    Damage("a pipe for labels", Kind.LABELS_UNREADABLE, _labels_are(os.mkfifo), "left out"),
)


def _image(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], Spot]:
    """An image of the train split with other bytes."""

    def spoil(root: Path) -> Spot:
        path = root / "images/train" / name
        path.write_bytes(change(path.read_bytes()))
        return path, None

    return spoil


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _overwritten(data: bytes) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, 1000, np.uint8).tobytes()
    return data[: len(data) // 2] + noise + data[len(data) // 2 + 1000 :]


def _with_middle(middle: bytes) -> Callable[[bytes], bytes]:
    """These bytes over as many in the middle."""

    def change(data: bytes) -> bytes:
        half = len(data) // 2
        return data[:half] + middle + data[half + len(middle) :]

    return change


def _without_a_piece(data: bytes) -> bytes:
    return data[: len(data) // 2] + data[len(data) // 2 + 300 :]


def _zeros_to_the_end(data: bytes) -> bytes:
    return data[: len(data) // 2] + bytes(len(data) - len(data) // 2 - 2) + data[-2:]


def _huge_jpeg(data: bytes) -> bytes:
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", 23_000, 23_000) + data[place + 4 :]


def _huge_png(data: bytes) -> bytes:
    header = data[12:16] + struct.pack(">II", 23_000, 23_000) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def _flipped(data: bytes) -> bytes:
    """One bit of the pixels, near their end."""
    place = data.rindex(b"IEND") - 20
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def _tagged_png(data: bytes) -> bytes:
    chunk = b"eXIf" + exif(8)
    size, checksum = len(chunk) - 4, zlib.crc32(chunk)
    return data[:33] + struct.pack(">I", size) + chunk + struct.pack(">I", checksum) + data[33:]


def _copied(
    name: str, change: Callable[[Picture], Picture] | None, text: str = TEXT
) -> Callable[[Path], Spot]:
    """An image of train in val, too, under another name and as another JPEG."""

    def spoil(root: Path) -> Spot:
        source = root / "images/train/a.jpg"
        target = add(root, "val", name, seed=9, text=text)
        target.write_bytes(source.read_bytes())
        if change is not None:
            image = np.asarray(cv2.imread(str(source)), np.uint8)
            target.write_bytes(encoded(np.ascontiguousarray(change(image)), ".jpg"))
        return target, None

    return spoil


def _worse(image: Picture) -> Picture:
    data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, 25))[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _larger(image: Picture) -> Picture:
    return np.asarray(cv2.resize(image, (200, 150)), np.uint8)


def _brighter(image: Picture) -> Picture:
    return np.asarray(cv2.convertScaleAbs(image, alpha=1.0, beta=12), np.uint8)


def _mirrored(image: Picture) -> Picture:
    return image[:, ::-1]


def _on_its_head(image: Picture) -> Picture:
    return image[::-1]


def _on_its_side(image: Picture) -> Picture:
    return np.rot90(image)


def _linked(root: Path) -> Spot:
    add(root, "val", "linked.jpg", seed=9)
    link = root / "images/val/linked.jpg"
    link.unlink()
    link.symlink_to(root / "images/train/a.jpg")
    return link, None


def _in_two_lists(root: Path) -> Spot:
    (root / "data.yaml").write_text(YAML.replace("images/val", "[images/val, more.txt]"))
    (root / "more.txt").write_text("images/train/a.jpg\n")
    return root / "images/train/a.jpg", None


def _twice(root: Path) -> Spot:
    path = add(root, "train", "z.jpg", seed=9)
    path.write_bytes((root / "images/train/a.jpg").read_bytes())
    return path, None


def _unlabeled(root: Path) -> Spot:
    return add(root, "train", "more.jpg", seed=9, text=None), None


def _tiny(root: Path) -> Spot:
    path = add(root, "train", "more.png", seed=9)
    path.write_bytes(encoded(picture(9, 30, 8), ".png"))
    return path, None


_TRUNCATED, _UNREADABLE = Kind.IMAGE_TRUNCATED, Kind.IMAGE_UNREADABLE
_CORRUPT = Kind.IMAGE_CORRUPT
_ACROSS, _NEARLY = Kind.IMAGE_ACROSS_SPLITS, Kind.IMAGE_NEARLY_ACROSS_SPLITS
_PICTURES = (
    Damage("half a JPEG", _TRUNCATED, _image("a.jpg", _half), "left out"),
    Damage("JPEG without its last byte", _TRUNCATED, _image("a.jpg", lambda d: d[:-1]), "left out"),
    Damage(
        "half a JPEG, then zeros",
        _TRUNCATED,
        _image("a.jpg", lambda d: _half(d) + bytes(len(d) // 2)),
        "left out",
    ),
    Damage(
        "half a JPEG with a thumbnail",
        _TRUNCATED,
        _image("a.jpg", lambda d: _half(with_exif(d, 1, encoded(picture(1, 16, 12), ".jpg")))),
        "left out",
    ),
    Damage("JPEG overwritten", _TRUNCATED, _image("a.jpg", _overwritten), "left out"),
    Damage("header of a JPEG", _TRUNCATED, _image("a.jpg", lambda d: d[:100]), "left out"),
    Damage("zeros in a JPEG", _CORRUPT, _image("a.jpg", _with_middle(bytes(512))), "left out"),
    Damage("few zeros in a JPEG", _CORRUPT, _image("a.jpg", _with_middle(bytes(80))), "left out"),
    Damage("zeros to a JPEG's end", _CORRUPT, _image("a.jpg", _zeros_to_the_end), "left out"),
    Damage(
        "text in a JPEG", _CORRUPT, _image("a.jpg", _with_middle(b"log line\n" * 60)), "left out"
    ),
    Damage("a piece less of a JPEG", _CORRUPT, _image("a.jpg", _without_a_piece), "left out"),
    Damage("a huge JPEG", _UNREADABLE, _image("a.jpg", _huge_jpeg), "left out"),
    Damage("a huge PNG", _UNREADABLE, _image("d.png", _huge_png), "left out"),
    Damage("half a PNG", _TRUNCATED, _image("d.png", _half), "left out"),
    Damage("PNG without its end", _TRUNCATED, _image("d.png", lambda d: d[:-12]), "left out"),
    Damage("PNG with a wrong bit", _TRUNCATED, _image("d.png", _flipped), "left out"),
    Damage("half a BMP", _TRUNCATED, _image("e.bmp", _half), "left out"),
    Damage("half a WebP", _TRUNCATED, _image("f.webp", _half), "left out"),
    Damage("half a TIFF", _TRUNCATED, _image("g.tif", _half), "left out"),
    Damage("empty image", _UNREADABLE, _image("a.jpg", lambda d: b""), "left out"),
    Damage("zeros for an image", _UNREADABLE, _image("a.jpg", lambda d: bytes(len(d))), "left out"),
    Damage(
        "web page for an image",
        _UNREADABLE,
        _image("a.jpg", lambda d: b"<!DOCTYPE html>"),
        "left out",
    ),
    Damage(
        "pointer of Git LFS",
        _UNREADABLE,
        _image("a.jpg", lambda d: b"version https://git-lfs.github.com/spec/v1\n"),
        "left out",
    ),
    Damage("GIF for an image", _UNREADABLE, _image("a.jpg", lambda d: b"GIF89a" + d), "left out"),
    Damage(
        "HEIC for an image",
        _UNREADABLE,
        _image("a.jpg", lambda d: b"\0\0\0\x18ftypheic" + d),
        "left out",
    ),
    Damage("noise for an image", _UNREADABLE, _image("a.jpg", lambda d: d[::-1]), "left out"),
    Damage("tiny", Kind.IMAGE_TOO_SMALL, _tiny, "left out"),
    Damage("turned JPEG", Kind.IMAGE_ROTATED, _image("a.jpg", lambda d: with_exif(d, 6))),
    Damage("mirrored JPEG", Kind.IMAGE_ROTATED, _image("a.jpg", lambda d: with_exif(d, 2))),
    Damage("turned PNG", Kind.IMAGE_ROTATED, _image("d.png", _tagged_png)),
    Damage(
        "PNG by the name of a JPEG",
        Kind.IMAGE_MISNAMED,
        _image("a.jpg", lambda d: encoded(picture(9), ".png")),
    ),
    Damage("same image in val", _ACROSS, _copied("y.jpg", None), "left out"),
    Damage("link to the same image", _ACROSS, _linked, "left out"),
    Damage(
        "same image, other labels", _ACROSS, _copied("y.jpg", None, TEXT.split("\n")[0]), "left"
    ),
    Damage("one image in two lists", _ACROSS, _in_two_lists, "left"),
    Damage("worse copy in val", _NEARLY, _copied("y.jpg", _worse), "left"),
    Damage("larger copy in val", _NEARLY, _copied("y.jpg", _larger), "left"),
    Damage("brighter copy in val", _NEARLY, _copied("y.jpg", _brighter), "left"),
    Damage("mirrored copy in val", _NEARLY, _copied("y.jpg", _mirrored), "left"),
    Damage("copy in val on its head", _NEARLY, _copied("y.jpg", _on_its_head), "left"),
    Damage("copy in val on its side", _NEARLY, _copied("y.jpg", _on_its_side), "left"),
    Damage("twice in train", Kind.IMAGE_TWICE, _twice, "left"),
    Damage("no labels", Kind.IMAGE_WITHOUT_LABELS, _unlabeled, "left"),
)


def _named(names: str, line: int | None) -> Callable[[Path], Spot]:
    """Names on a line each, from the fourth line on."""

    def spoil(root: Path) -> Spot:
        text = "train: images/train\nval: images/val\nnames:\n" + names
        (root / "data.yaml").write_text(text)
        return root / "data.yaml", line

    return spoil


def _of_class(split: str, text: str, line: int) -> Callable[[Path], Spot]:
    """A fourth class, and an image in a split with labels of it."""

    def spoil(root: Path) -> Spot:
        spot = _named("- cat\n- dog\n- traffic light\n- cow\n", line)(root)
        add(root, split, "more.jpg", seed=9, text=text)
        return spot

    return spoil


def _small_box(root: Path) -> Spot:
    path = root / _LABEL
    path.write_bytes(path.read_bytes() + b"1 0.5 0.5 0.01 0.01\n")
    return path, 4


def _bare_split(root: Path) -> Spot:
    (root / "data.yaml").write_text(f"{YAML}test: images/test\n")
    add(root, "test", "t.jpg", seed=9, text=None)
    return root / "data.yaml", None


_MANY = "".join(f"3 0.5 0.5 0.5 {0.1 + index / 1000}\n" for index in range(500))
_CLASSES = (
    Damage(
        "other capitals of a name", Kind.NAMES_ALIKE, _named("- cat\n- dog\n- Dog\n", 6), "left"
    ),
    Damage(
        "other spaces of a name",
        Kind.NAMES_ALIKE,
        _named("- traffic light\n- dog\n- 'traffic  light '\n", 6),
        "left",
    ),
    Damage(
        "class never used",
        Kind.CLASS_NEVER_USED,
        _named("  2: dog\n  3: cow\n  0: a\n  1: b\n", 5),
        "left",
    ),
    Damage(
        "class not in train",
        Kind.CLASS_UNTRAINED,
        _of_class("val", "3 0.5 0.5 0.5 0.5\n", 7),
        "left",
    ),
    Damage("rare class", Kind.CLASS_RARE, _of_class("train", _MANY, 4), "left"),
    Damage("box too small", Kind.BOX_TOO_SMALL, _small_box, "left", (1, 0.5, 0.5, 0.01, 0.01)),
    Damage("split without labels", Kind.SPLIT_WITHOUT_LABELS, _bare_split, "left"),
)

DAMAGES = (*LINES, *_FILES, *_PICTURES, *_CLASSES)
