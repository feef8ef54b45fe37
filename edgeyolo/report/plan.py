"""The answer to a budget, for reading."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from edgeyolo.measure.predict import approximate
from edgeyolo.plan.budget import megabytes

_HEADER = (
    f"   {'net':<32}{'px':>5}  {'engine':<17}{'ms':>17}{'fps':>7}{'fits':>6}"
    f"{'mAP50-95, points':>22}{'file':>9}{'memory':>10}{'training':>10}"
)
_WIDTH = 100


def plan_table(answer: dict[str, Any]) -> str:
    """Proposals with their reasons, or what comes closest."""
    lines = list(_proposals(answer) if answer["proposals"] else _closest(answer))
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """About so long, as people say it."""
    if seconds < 90:
        return f"~{seconds:.0f} s"
    return f"~{seconds / 60:.0f} min" if seconds < 5400 else f"~{seconds / 3600:.1f} h"


def _proposals(answer: dict[str, Any]) -> Iterator[str]:
    yield _HEADER
    for number, row in enumerate(answer["proposals"], start=1):
        yield f"{number}. {_figures(row)}{duration(row['train_seconds']):>10}"
        for reason in row["reasons"]:
            yield f"     - {reason}"
        if row["misses"]:
            yield f"     - out of the budget: {', '.join(row['misses'])}"
    wide = answer["wide"]
    yield ""
    yield from _wrapped(
        f"{answer['fitting']} of {answer['candidates']} candidates fit as likely as not. ms: "
        f"predicted, from image to detections, with {_threads(answer)} on {answer['profile']}; "
        f"none of these nets was measured there. fits: the chance to keep to the budget. "
        f"{_sentence(answer['levels'])}"
    )
    yield from _wrapped(
        f"mAP50-95: {answer['estimate']}; change against {wide['name']} at {wide['imgsz']} px, as "
        f"if that had {wide['map']:.2f}, and what 4 of 5 lie within. "
        f"training: on {answer['trainer']}, roughly, as busy as it is now, "
        "besides the wide net's."
    )


def _figures(row: dict[str, Any]) -> str:
    change = row["map50_95_change"]
    within = f"~{change['points']:+.1f} [{change['low']:+.1f}, {change['high']:+.1f}]"
    chance = "no" if row["misses"] else f"{row['chance']:.0%}"
    return f"{_predicted(row)}{chance:>6}{within:>22}{_size(row)}"


def _predicted(row: dict[str, Any]) -> str:
    name = row["name"].rpartition("-")[0]
    engine = f"{row['engine']} {row['precision']}"
    latency = approximate(row["latency_ms"], row["low_ms"], row["high_ms"])
    fps = f"~{1000 / row['latency_ms']:.3g}"
    return f"{name:<32}{row['imgsz']:>5}  {engine:<17}{latency:>17}{fps:>7}"


def _size(row: dict[str, Any]) -> str:
    return f"{megabytes(row['size_bytes']):>9}{megabytes(row['memory_bytes']):>10}"


def _closest(answer: dict[str, Any]) -> Iterator[str]:
    yield f"Nothing fits on {answer['profile']}: {answer['asked']}. The closest:"
    yield ""
    for row in answer["closest"]:
        yield f"   {_predicted(row)}{_size(row)}"
        yield f"     - {row['why']}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, break_on_hyphens=False)


def _threads(answer: dict[str, Any]) -> str:
    count = answer["threads"]
    return f"{count} thread{'s' * (count > 1)}"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
