"""COCO JSON → annotations: one file for each split."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from edgeyolo.dataset.annotations import Annotations, Picture, Region, Remark, image_folder, locate
from edgeyolo.errors import DataError

_PREFIX = "instances_"  # captions_ and person_keypoints_ beside it are other tasks
_ROBOFLOW = "_annotations.coco.json"  # one in the folder of each split


def found(folder: Path) -> list[tuple[str, Path]]:
    """The JSON files in a folder, by a name that may tell the split."""
    for place in (folder / "annotations", folder):
        files = sorted(place.glob("*.json"))
        files = [file for file in files if file.name.startswith(_PREFIX)] or files
        if files:
            return [(file.stem.removeprefix(_PREFIX), file) for file in files]
    return [(file.parent.name, file) for file in sorted(folder.glob(f"*/{_ROBOFLOW}"))]


def read(file: Path, split: str | None, images: Path | None) -> Annotations:
    """Annotations of one file; ids of categories are renumbered without gaps, in their order.

    Raises:
        DataError: when it is malformed, or none of its images is found.
    """
    values = _load(file)
    names, remarks = _names(file, values["categories"])
    files = _files(file, values["images"])
    regions, problems = _regions(file, values["annotations"], names, set(files))
    folder = image_folder(file, split, [name for name, *_ in files.values()], images)
    pictures: dict[Path, Picture] = {}
    for key, (name, size, place) in files.items():
        image, mine = locate(folder, name), tuple(regions[key])
        if image is None:
            lost = f", with its {len(mine)} boxes" if mine else ""
            problems.append(Remark(place, f"there is no image {folder / name}; left out{lost}"))
        else:
            earlier = pictures[image].regions if image in pictures else ()
            pictures[image] = Picture(image, place, split, size, earlier + mine)
    order = tuple(dict.fromkeys(names.values()))
    return Annotations(order, tuple(pictures.values()), (*remarks, *problems))


def _load(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_bytes())
    except OSError as error:
        raise DataError(f"{file} cannot be read: {(error.strerror or 'error').lower()}.") from error
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f" line {line}" if line else ""
        raise DataError(f"{file}{where} is not valid JSON.", "Export it again.") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(values, dict) or not isinstance(values.get(key), list):
            raise DataError(
                f"{file} holds no list '{key}'.",
                "A COCO file of objects has images, annotations and categories.",
            )
        for index, each in enumerate(values[key]):
            if not isinstance(each, dict):
                raise DataError(f"{file} {key}[{index}] is no object.", "Export it again.")
    return dict(values)


def _names(file: Path, categories: list[dict[str, Any]]) -> tuple[dict[Any, str], list[Remark]]:
    """Name of each category id, in the order of the ids."""
    for index, each in enumerate(categories):
        if not _is_id(each.get("id")) or not isinstance(each.get("name"), str):
            raise DataError(
                f"{file} categories[{index}] has no 'id' or no 'name'.", "Add what is missing."
            )
    names: dict[Any, str] = {}
    remarks = []
    for each in sorted(categories, key=lambda each: (isinstance(each["id"], str), each["id"])):
        key, name = each["id"], each["name"]
        if names.get(key, name) != name:
            raise DataError(f"{file} gives two categories the id {key}.", "Export it again.")
        if key not in names and name in names.values():
            # Roboflow repeats the name of the whole project as a category.
            words = f"category {key} has the name {name!r} of another; they become one class"
            remarks.append(Remark(str(file), words))
        names[key] = name
    return names, remarks


def _files(
    file: Path, images: list[dict[str, Any]]
) -> dict[Any, tuple[str, tuple[int, int] | None, str]]:
    """Name, size and place of each image id."""
    files: dict[Any, tuple[str, tuple[int, int] | None, str]] = {}
    for index, each in enumerate(images):
        place, key, name = f"{file} images[{index}]", each.get("id"), each.get("file_name")
        if not _is_id(key) or not isinstance(name, str):
            raise DataError(f"{place} has no 'id' or no 'file_name'.", "Add what is missing.")
        if key in files:
            raise DataError(f"{place} has the id {key} of another image.", "Give each its own id.")
        width, height = _number(each.get("width")), _number(each.get("height"))
        is_known = width is not None and height is not None and min(width, height) >= 1
        files[key] = (name, (int(width or 0), int(height or 0)) if is_known else None, place)
    return files


def _regions(
    file: Path, annotations: list[dict[str, Any]], names: dict[Any, str], images: set[Any]
) -> tuple[dict[Any, list[Region]], list[Remark]]:
    regions: dict[Any, list[Region]] = {key: [] for key in images}
    remarks = []
    for index, each in enumerate(annotations):
        place = f"{file} annotations[{index}]"
        place += f" (id {each['id']})" if _is_id(each.get("id")) else ""
        problem = _problem(each, names, images)
        if problem:
            remarks.append(Remark(place, f"{problem}; it is left out"))
            continue
        x, y, width, height = map(float, each["bbox"])
        corners = (x, y, x + width, y + height)
        regions[each["image_id"]].append(Region(place, names[each["category_id"]], corners))
    return regions, remarks


def _problem(each: dict[str, Any], names: dict[Any, str], images: set[Any]) -> str:
    """Why an annotation is no box of one object, or nothing."""
    for key, known, what in (("image_id", images, "image"), ("category_id", names, "category")):
        if not _is_id(each.get(key)) or each[key] not in known:
            return f"there is no {what} with the id {each.get(key)!r}"
    if each.get("iscrowd"):
        return f"is a crowd of {names[each['category_id']]!r}, not one object"
    box = each.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or None in map(_number, box):
        return f"'bbox' is {box!r}, not four numbers"
    return ""


def _is_id(value: object) -> bool:
    return isinstance(value, (int, float, str)) and not isinstance(value, bool)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer beyond all floats
        return None
