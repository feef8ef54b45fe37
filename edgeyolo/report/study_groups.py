"""What a study says beyond its single rows: seeds together, and which factor mattered."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean, stdev
from typing import Any

from edgeyolo.studies.grid import FACTORS

Row = dict[str, Any]
_POINTS = 100.0  # of mAP


def seed_groups(found: Row) -> list[Row]:
    """Rows that differ in the seed only: mean mAP, its spread, and how many they are.

    ``sd`` is the sample standard deviation, and ``None`` of a single seed, which has no spread.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in found["rows"]:
        groups.setdefault(_others(row, "seed"), []).append(row)
    return [_group(rows) for rows in groups.values()]


def _group(rows: list[Row]) -> Row:
    values = [map_of(row) for row in rows]
    return {
        "name": rows[0]["name"].rpartition("-s")[0],
        "seeds": [row["seed"] for row in rows],
        "mean": fmean(values),
        "sd": stdev(values) if len(values) > 1 else None,
        "min": min(values),
        "max": max(values),
    }


def effects(found: Row) -> list[Row]:
    """For each level of a factor: how much more mAP its rows have than those of the first level.

    Only rows that share all other factors are compared, in pairs, so that nothing else is mixed
    in; ``pairs`` says how many there are, and ``low`` and ``high`` are the least and the greatest
    difference of a pair, in points. A level without such a pair is left out, and so is a factor
    that was not varied.
    """
    return [each for factor in FACTORS for each in _effects_of(factor, found)]


def _effects_of(factor: str, found: Row) -> Iterator[Row]:
    first, *levels = found["factors"][factor] or [None]
    blocks: dict[tuple[Any, ...], dict[Any, float]] = {}
    for row in found["rows"]:
        blocks.setdefault(_others(row, factor), {})[row[factor]] = map_of(row)
    for level in levels:
        pairs = [(b[level], b[first]) for b in blocks.values() if level in b and first in b]
        if pairs:
            points = [_POINTS * (mine - theirs) for mine, theirs in pairs]
            yield {
                "factor": factor,
                "level": level,
                "first": first,
                "mean": fmean(mine for mine, _ in pairs),
                "first_mean": fmean(theirs for _, theirs in pairs),
                "points": fmean(points),
                "low": min(points),
                "high": max(points),
                "pairs": len(pairs),
            }


def _others(row: Row, factor: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in FACTORS if name != factor)


def map_of(row: Row) -> float:
    """mAP50-95 of a row."""
    value: float = row["accuracy"]["map50_95"]
    return value


def is_inconclusive(row: Row) -> bool:
    """Whether these images cannot tell a row from the best one."""
    low, high = row["versus_best"]["ci"]
    return bool(low <= 0 <= high)


def remarks(found: Row) -> list[str]:
    """What has to be known to read the figures rightly."""
    data = found["data"]
    said = [
        f"mAP50-95: mean over the classes (macro), COCO protocol, of the exported "
        f"{found['engine']} file on {data['split']}: {data['images']} images, {data['boxes']} "
        "boxes; 95 % bootstrap intervals over the images. Differences to the best row are paired; "
        "where the interval holds 0, these images cannot tell the two apart (inconclusive). The "
        "best of many rows is partly the luckiest.",
        "Micro: true positives, false positives and misses at IoU 0.5 of all classes pooled, each "
        "class at its own threshold, the one with its best F1. Macro: mean of the classes' "
        "precision, recall and F1 at the same thresholds. They were chosen on these very images.",
    ]
    if all(len(group["seeds"]) == 1 for group in seed_groups(found)):
        said.append(
            "One seed each: spread none. How much of a difference is the luck of the seed, "
            "nothing here can say; the intervals are over images alone."
        )
    return [*said, *_starts(found)]


def _starts(found: Row) -> Iterator[str]:
    kinds = {row["start"] == "scratch" for row in found["rows"]}
    if len(kinds) > 1:
        scratch = [row["name"] for row in found["rows"] if row["start"] == "scratch"]
        yield (
            f"{len(scratch)} of the rows ({scratch[0]}{', …' * (len(scratch) > 1)}) learned from "
            "scratch and others from a checkpoint, so a difference between these is also one of "
            "what they started from."
        )
