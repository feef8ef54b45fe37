"""Pascal VOC → annotations: one XML file for each image, splits in ``ImageSets/Main``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from edgeyolo.dataset.annotations import (
    Annotations,
    Picture,
    Region,
    Remark,
    image_folder,
    locate,
    split_of,
)
from edgeyolo.dataset.read import SPLITS
from edgeyolo.errors import DataError
from edgeyolo.images import IMAGE_SUFFIXES

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_FLAG = re.compile(r"\s+-?[01]$")  # lists of one class say after the name whether it is there


class _NoDoctype(ElementTree.TreeBuilder):
    """Entities are declared in a DOCTYPE, and a few lines of them fill any memory."""

    def doctype(self, *_: object) -> None:
        raise DataError("declares a DOCTYPE, which is refused")


def found(folder: Path) -> list[tuple[str, Path]]:
    """The folder itself, or those of splits in it, by their names; none where it is no VOC."""
    if _documents(folder):
        return [("", folder)]
    below = sorted(each for each in folder.iterdir() if each.is_dir() and split_of(each.name))
    return [(each.name, each) for each in below if _documents(each)]


def read(folder: Path, split: str | None, images: Path | None) -> Annotations:
    """Annotations of a folder; its lists tell the splits where it is of none itself.

    Coordinates are taken as edges of the box. VOC's own count pixels from 1 and include the last,
    most tools' do not, and nothing in a file tells which: they lie within a pixel.

    Raises:
        DataError: when a file is malformed, or none of the images is found.
    """
    documents = _documents(folder)
    listed, remarks = _listed(folder, documents) if split is None else ({}, [])
    roots = {key: _parse(file) for key, file in documents.items()}
    photos = _Photos.of(folder, split, roots, images)
    pictures = []
    for key, root in roots.items():
        file = documents[key]
        regions, problems = _regions(file, root)
        remarks += problems
        image = photos.find(key, _text(root, "filename"))
        lost = f", with its {len(regions)} boxes" if regions else ""
        if listed and key not in listed:
            words = f"is in no list of {folder / 'ImageSets' / 'Main'}; left out{lost}"
            remarks.append(Remark(str(file), words))
        elif image is None:
            remarks.append(Remark(str(file), f"there is no image {key}.*; left out{lost}"))
        else:
            its = split or listed.get(key)
            pictures.append(Picture(image, str(file), its, _size(root), tuple(regions)))
    return Annotations((), tuple(pictures), tuple(remarks))


class _Photos:
    """The images of a folder, by their names without the suffix."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        files = sorted(file for file in folder.rglob("*") if not file.name.startswith("."))
        self._by_key = {
            file.relative_to(folder).with_suffix("").as_posix(): file.absolute()
            for file in reversed(files)
            if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()
        }

    @classmethod
    def of(
        cls,
        folder: Path,
        split: str | None,
        roots: dict[str, ElementTree.Element],
        images: Path | None,
    ) -> _Photos:
        """Those of the folder that holds most of them."""
        names = [_text(root, "filename") for root in roots.values()]
        near = (folder / "JPEGImages", folder / "images", folder)
        for place in (images,) if images else near:
            photos = cls(place) if place.is_dir() else None
            if photos and any(map(photos.find, roots, names)):
                return photos
        return cls(image_folder(folder / "Annotations", split, names, images))

    def find(self, key: str, name: str) -> Path | None:
        """By the name of the XML file, as ``filename`` in it is often that of another time."""
        named = locate(self._folder, name) if name else None
        if named and named.stem == key.rpartition("/")[2]:  # a.jpg beside a.png
            return named
        return self._by_key.get(key, named)


def _documents(folder: Path) -> dict[str, Path]:
    """XML files by their names without the suffix."""
    place = folder / "Annotations"
    files = sorted(place.rglob("*.xml")) if place.is_dir() else sorted(folder.glob("*.xml"))
    base = place if place.is_dir() else folder
    return {
        file.relative_to(base).with_suffix("").as_posix(): file
        for file in files
        if not file.name.startswith(".")
    }


def _parse(file: Path) -> ElementTree.Element:
    parser = ElementTree.XMLParser(target=_NoDoctype())
    try:
        parser.feed(file.read_bytes())
        root = parser.close()
    except ElementTree.ParseError as error:
        raise DataError(
            f"{file} line {error.position[0]} is not valid XML.", "Mend it and try again."
        ) from error
    except DataError as error:
        raise DataError(f"{file} {error.message}.", "Remove its DOCTYPE.") from error
    except (ValueError, LookupError) as error:  # an encoding that is not there
        raise DataError(f"{file} is in an unknown encoding.", "Save it as UTF-8.") from error
    except OSError as error:
        raise DataError(f"{file} cannot be read: {(error.strerror or 'error').lower()}.") from error
    assert isinstance(root, ElementTree.Element)
    if root.tag != "annotation":
        raise DataError(f"{file} is no VOC annotation but <{root.tag}>.", "Remove it, or mend it.")
    return root


def _listed(folder: Path, documents: dict[str, Path]) -> tuple[dict[str, str], list[Remark]]:
    """Split of each image that a list names; empty where there are no lists."""
    main = folder / "ImageSets" / "Main"
    lists = [(split, main / f"{split}.txt") for split in SPLITS]
    if not any(file.is_file() for split, file in lists if split != "test"):
        lists.append(("train", main / "trainval.txt"))
    splits: dict[str, str] = {}
    remarks = []
    for split, file in lists:
        for place, line in _lines(file):
            key = line if line in documents else _FLAG.sub("", line)
            if key not in documents:
                # Not a background: an image that nobody has looked at may show anything.
                remarks.append(Remark(place, f"{key!r} has no XML file; it is left out"))
            elif splits.setdefault(key, split) != split:
                remarks.append(Remark(place, f"{key!r} is in {splits[key]}, too; it stays there"))
    return splits, remarks


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    if not file.is_file():
        return
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not a text file.", "Write one name per line.") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield f"{file} line {number}", line.strip()


def _regions(file: Path, root: ElementTree.Element) -> tuple[list[Region], list[Remark]]:
    regions, remarks = [], []
    for number, each in enumerate(root.findall("object"), start=1):
        place, name = f"{file} object {number}", _text(each, "name")
        corners = [_number(_text(each, f"bndbox/{key}")) for key in _CORNERS]
        known = [corner for corner in corners if corner is not None]
        if not name or len(known) < 4:
            what = "four numbers in <bndbox>" if name else "<name>"
            remarks.append(Remark(place, f"has no {what}; it is left out"))
        else:
            left, top, right, bottom = known
            is_difficult = _text(each, "difficult") not in ("", "0")
            regions.append(Region(place, name, (left, top, right, bottom), is_difficult))
    return regions, remarks


def _size(root: ElementTree.Element) -> tuple[int, int] | None:
    width, height = (_number(_text(root, f"size/{key}")) for key in ("width", "height"))
    # Some tools write 0 for what they do not know.
    return (int(width), int(height)) if width and height and min(width, height) >= 1 else None


def _text(element: ElementTree.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
