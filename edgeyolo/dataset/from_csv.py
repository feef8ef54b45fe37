"""A table of boxes → annotations: a row for each, as TensorFlow's tools and Roboflow write it."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from edgeyolo.dataset.annotations import (
    Annotations,
    Picture,
    Region,
    Remark,
    image_folder,
    locate,
    split_of,
)
from edgeyolo.errors import DataError

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_NEEDED = ("filename", "class", *_CORNERS)

Row = dict[str, str]


def found(folder: Path) -> list[tuple[str, Path]]:
    """The tables in a folder, or in those of splits in it, by a name that may tell the split."""
    if files := sorted(folder.glob("*.csv")):
        return [(file.stem, file) for file in files]
    below = sorted(folder.glob("*/*.csv"))
    return [(file.parent.name, file) for file in below if split_of(file.parent.name)]


def read(file: Path, split: str | None, images: Path | None) -> Annotations:
    """Annotations of one table; a row without class and corners is an image without objects.

    Raises:
        DataError: when it is no such table, or none of its images is found.
    """
    by_name: dict[str, list[tuple[str, Row]]] = {}
    remarks = []
    for place, row in _rows(file):
        if row["filename"]:
            by_name.setdefault(row["filename"], []).append((place, row))
        else:
            remarks.append(Remark(place, "names no image; it is left out"))
    if not by_name:
        raise DataError(f"{file} holds no rows.", "Each row is a box.")
    folder = image_folder(file, split, list(by_name), images)
    pictures: dict[Path, Picture] = {}
    for name, rows in by_name.items():
        image, place = locate(folder, name), rows[0][0]
        regions, problems = _regions(rows)
        remarks += problems
        if image is None:
            lost = f", with its {len(regions)} boxes" if regions else ""
            remarks.append(Remark(place, f"there is no image {folder / name}; left out{lost}"))
        else:
            earlier = pictures[image].regions if image in pictures else ()
            pictures[image] = Picture(image, place, split, _size(rows), (*earlier, *regions))
    return Annotations((), tuple(pictures.values()), tuple(remarks))


def _rows(file: Path) -> Iterator[tuple[str, Row]]:
    """Place and cells of each row, by the lower-case names of the columns."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            table = csv.reader(stream, strict=True)
            header = [name.strip().lower() for name in next(table, [])]
            missing = [name for name in _NEEDED if name not in header]
            if missing:
                raise DataError(
                    f"{file} line 1 names no column {', '.join(missing)}.",
                    "The columns are filename,width,height,class,xmin,ymin,xmax,ymax.",
                )
            for cells in table:
                if cells:
                    padded = [*map(str.strip, cells), *[""] * (len(header) - len(cells))]
                    yield f"{file} line {table.line_num}", dict(zip(header, padded, strict=False))
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not a text file in UTF-8.", "Save it as UTF-8.") from error
    except csv.Error as error:
        raise DataError(f"{file} line {table.line_num}: {error}.", "Mend the line.") from error
    except OSError as error:
        raise DataError(f"{file} cannot be read: {(error.strerror or 'error').lower()}.") from error


def _regions(rows: list[tuple[str, Row]]) -> tuple[list[Region], list[Remark]]:
    regions, remarks = [], []
    for place, row in rows:
        cells = [row[key] for key in _CORNERS]
        known = [value for value in map(_number, cells) if value is not None]
        if not row["class"] and not any(cells):
            continue
        if not row["class"] or len(known) < 4:
            what = f"corners {','.join(cells)}, not four numbers" if row["class"] else "no class"
            remarks.append(Remark(place, f"has {what}; it is left out"))
        else:
            left, top, right, bottom = known
            regions.append(Region(place, row["class"], (left, top, right, bottom)))
    return regions, remarks


def _size(rows: list[tuple[str, Row]]) -> tuple[int, int] | None:
    _, row = rows[0]
    width, height = (_number(row.get(key, "")) for key in ("width", "height"))
    return (int(width), int(height)) if width and height and min(width, height) >= 1 else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
