"""What a data set is like, split against split: as plain values, as text and as a figure."""

from __future__ import annotations

import textwrap
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeyolo.dataset.statistics import SplitFigures
from edgeyolo.plan.estimate import level_of
from edgeyolo.slim.spec import LEVELS, STRIDES

_WIDTH = 100  # columns
LABEL = 18
_COUNT = 7  # columns of a number; a share takes as many
_CELLS = 24  # of the heat map, on each side
_SHADES = " ░▒▓█"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_ASPECTS = (1 / 4, 1 / 2, 3 / 4, 4 / 3, 2.0, 4.0)
ASPECT_LABELS = ("< 1:4", "1:4 - 1:2", "1:2 - 3:4", "3:4 - 4:3", "4:3 - 2:1", "2:1 - 4:1", "> 4:1")
_PER_IMAGE = (0, 1, 2, 4, 8, 16, 32, 64)


def statistics(
    data: str, names: Sequence[str], splits: dict[str, SplitFigures], imgsz: int
) -> dict[str, Any]:
    """Counts of everything, as plain values for JSON.

    ``bins`` are upper limits, which belong to their bin; the last one may be open (``None``).
    """
    sides = _side_limits(imgsz)
    return {
        "data": data,
        "imgsz": imgsz,
        "names": list(names),
        "levels": [
            {"name": level, "stride": STRIDES[level], "up_to_px": limit}
            for level, limit in zip(LEVELS, [*_level_limits(), None], strict=True)
        ],
        "bins": {
            "side_px": sides,
            "aspect": [*_ASPECTS, None],
            "boxes_per_image": [*_PER_IMAGE, None],
        },
        "splits": {
            split: _counted(figures, len(names), sides, imgsz) for split, figures in splits.items()
        },
    }


def _counted(figures: SplitFigures, classes: int, sides: list[float], imgsz: int) -> dict[str, Any]:
    # Labels have seven digits, so a side of 64 px may come as 64.000002.
    pixels, aspects = (figures.sides * imgsz).round(3), figures.aspects.round(4)
    per_image = figures.boxes_in_images()
    sizes = Counter(map(tuple, figures.sizes.tolist()))
    return {
        "images": len(per_image),
        "backgrounds": int((per_image == 0).sum()),
        "boxes": len(pixels),
        "most_boxes_in_an_image": int(per_image.max()),
        "boxes_of_class": figures.boxes_of(classes).tolist(),
        "images_of_class": figures.images_of(classes).tolist(),
        "boxes_of_level": np.bincount(level_of(pixels), minlength=len(LEVELS)).tolist(),
        "side_px": _binned(pixels, sides[:-1]),
        "side_px_quantiles": {
            f"p{part}": round(float(np.percentile(pixels, part)), 1) if len(pixels) else None
            for part in (5, 50, 95)
        },
        "aspect": _binned(aspects, _ASPECTS),
        "boxes_per_image": _binned(per_image, _PER_IMAGE),
        "image_sizes": [
            {"width": width, "height": height, "images": images}
            for (width, height), images in sorted(sizes.items(), key=lambda each: (-each[1], each))
        ],
        "centers": figures.heat(_CELLS).tolist(),
    }


def _binned(values: NDArray[Any], limits: Sequence[float]) -> list[int]:
    bins = np.searchsorted(limits, values)  # a value that is a limit is below it, as in level_of
    return list(map(int, np.bincount(bins, minlength=len(limits) + 1)))


def _level_limits() -> list[int]:
    """The largest box in pixels of each level but the last, which takes all above."""
    return list(map(int, np.flatnonzero(np.diff(level_of(np.arange(10_000.0))))))


def _side_limits(imgsz: int) -> list[float]:
    """Upper limits in pixels, those of the levels among them, up to a box that fills the image."""
    low, high = _level_limits()
    limits = [low / 8, low / 4, low / 2, low, round((low * high) ** 0.5), high]
    while limits[-1] < imgsz:
        limits.append(round(limits[-1] * 1.5))
    return [*(limit for limit in limits if limit < imgsz), imgsz]


# Text.


def statistics_text(found: dict[str, Any]) -> str:
    """For a terminal: at most 100 columns, bars of blocks, no colors."""
    splits = found["splits"]
    classes = len(found["names"])
    lines = [f"{found['data']}: {classes} class{'es' if classes != 1 else ''}"]
    lines += ["", _line("", splits), *_totals(splits)]
    for title, labels, key in _tables(found):
        lines += ["", _line(title, splits), *_rows(labels, splits, key)]
    lines += ["", _line("image size", splits), *_image_sizes(splits)]
    lines += ["", "Where the centers of the boxes are:", *_maps(splits)]
    strides = ", ".join(f"{each['name']} has stride {each['stride']}" for each in found["levels"])
    notes = (
        "Each with its share and number; behind classes also the images that show them. side: root "
        f"of the box's area, in pixels of an image of {found['imgsz']}. level: that such boxes are "
        f"mostly assigned to; {strides}.",
        *_lacking(found),
    )
    lines += [line for note in notes for line in ("", *textwrap.wrap(note, _WIDTH))]
    return "\n".join(line.rstrip() for line in lines)


def _tables(found: dict[str, Any]) -> Iterator[tuple[str, list[str], str]]:
    """Title, labels and key of the counts of each table."""
    yield "class", found["names"], "boxes_of_class"
    yield "level", level_labels(found), "boxes_of_level"
    yield "side, px", side_labels(found), "side_px"
    yield "width : height", list(ASPECT_LABELS), "aspect"
    yield "boxes an image", per_image_labels(), "boxes_per_image"


def level_labels(found: dict[str, Any]) -> list[str]:
    limits = [each["up_to_px"] for each in found["levels"]]
    above = [None, *limits]
    return [
        f"{each['name']}  to {limit} px" if limit else f"{each['name']}  above {low} px"
        for each, low, limit in zip(found["levels"], above, limits, strict=False)
    ]


def side_labels(found: dict[str, Any]) -> list[str]:
    limits = found["bins"]["side_px"]
    levels = [LEVELS[int(level)] for level in level_of(np.array(limits, np.float64))]
    spans = zip(levels, [0, *limits], limits, strict=False)
    return [f"{level}  {low:g} - {high:g}" for level, low, high in spans]


def per_image_labels() -> list[str]:
    before = [0, *(limit + 1 for limit in _PER_IMAGE[:-1])]
    spans = zip(before, _PER_IMAGE, strict=True)
    labels = [f"{low} - {high}" if low < high else f"{high}" for low, high in spans]
    return [*labels, f"> {_PER_IMAGE[-1]}"]


def _line(label: str, cells: Iterable[str]) -> str:
    """A label and the cells of the splits, at their columns."""
    texts = list(cells)
    return _padded(label, LABEL) + "".join(f"{text:<{_column(len(texts))}}" for text in texts)


def _column(splits: int) -> int:
    return min(40, (_WIDTH - LABEL) // splits)


def _totals(splits: dict[str, Any]) -> Iterator[str]:
    table = {split: _total(each) for split, each in splits.items()}
    for label in next(iter(table.values())):
        yield _line(label, [words[label] for words in table.values()])


def _total(each: dict[str, Any]) -> dict[str, str]:
    side = each["side_px_quantiles"]
    return {
        "images": f"{each['images']}",
        "without objects": f"{each['backgrounds']}",
        "boxes": f"{each['boxes']}",
        "boxes an image": f"{each['boxes'] / each['images']:.1f}",
        "at most": f"{each['most_boxes_in_an_image']}",
        "median side": "-"
        if side["p50"] is None
        else f"{side['p50']:.0f} px (90 %: {side['p5']:.0f}-{side['p95']:.0f})",
    }


def _rows(labels: Sequence[str], splits: dict[str, Any], key: str) -> Iterator[str]:
    shares = {split: shares_of(each[key]) for split, each in splits.items()}
    most = max(max(values, default=0.0) for values in shares.values())
    has_images = key == "boxes_of_class"
    width = _column(len(splits)) - (3 if has_images else 2) * _COUNT - 2
    for index, label in enumerate(labels):
        if not any(each[key][index] for each in splits.values()):
            continue
        cells = []
        for split, each in splits.items():
            share = shares[split][index]
            images = f"{each['images_of_class'][index]:>{_COUNT}}" if has_images else ""
            figures = f"{share:>{_COUNT}.1%}{each[key][index]:>{_COUNT}}{images}"
            cells.append(_bar(share / most, width) + figures)
        yield _line(label, cells)


def shares_of(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]


def _bar(share: float, width: int) -> str:
    """What is there shows, however little it is."""
    eighths = max(round(share * 8 * width), 1 if share else 0)
    return f"{'█' * (eighths // 8)}{_EIGHTHS[eighths % 8].strip()}".ljust(width)


def _padded(text: str, width: int) -> str:
    """Filled or cut to so many columns, the last of them empty."""
    if _columns(text) >= width:
        while _columns(text) > width - 2:
            text = text[:-1]
        text += "…"
    return text + " " * (width - _columns(text))


def _columns(text: str) -> int:
    """East Asian characters take two, accents none."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))


def _image_sizes(splits: dict[str, Any]) -> Iterator[str]:
    counts = {
        split: {(size["width"], size["height"]): size["images"] for size in each["image_sizes"]}
        for split, each in splits.items()
    }
    total = Counter[tuple[int, int]]()
    for each in counts.values():
        total.update(each)
    common = [size for size, _ in total.most_common(6)]
    labels = [f"{width} x {height}" for width, height in common]
    rest = len(total) - len(common)
    tables = {
        split: {"sizes": [each.get(size, 0) for size in common]} for split, each in counts.items()
    }
    if rest:
        labels.append(f"{rest} others")
        for split, each in counts.items():
            tables[split]["sizes"].append(sum(each.values()) - sum(tables[split]["sizes"]))
    yield from _rows(labels, tables, "sizes")


def _maps(splits: dict[str, Any]) -> Iterator[str]:
    """A heat map of each split beside the other, two rows of cells in a line."""
    maps = []
    for each in splits.values():
        grid = np.array(each["centers"]).reshape(_CELLS // 2, 2, _CELLS).sum(1)
        shades = np.ceil(grid / max(1, grid.max()) * (len(_SHADES) - 1)).astype(int)
        maps.append(["".join(_SHADES[shade] for shade in row) for row in shades])
    yield "  ".join(f"{split:<{_CELLS + 2}}" for split in splits)
    edge = "+" + "-" * _CELLS + "+"
    yield "  ".join([edge] * len(maps))
    for rows in zip(*maps, strict=True):
        yield "  ".join(f"|{row}|" for row in rows)
    yield "  ".join([edge] * len(maps))


def _lacking(found: dict[str, Any]) -> Iterator[str]:
    for split, each in found["splits"].items():
        pairs = zip(found["names"], each["boxes_of_class"], strict=True)
        lacking = [name for name, boxes in pairs if not boxes]
        if lacking:
            yield f"No box in {split} ({len(lacking)} classes): {', '.join(lacking)}."
