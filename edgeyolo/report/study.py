"""A study, for reading on a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from edgeyolo.report.plan import duration
from edgeyolo.report.study_groups import effects, is_inconclusive, map_of, remarks, seed_groups

Row = dict[str, Any]
_WIDTH = 100


def study_table(found: Row) -> str:
    """All rows, the best one's classes, seeds together, what mattered, and what failed."""
    return "\n".join(_lines(found))


def widest(rows: list[Row]) -> int:
    """Columns of their names, and two more."""
    return max((len(row["name"]) for row in rows), default=0) + 2


def _lines(found: Row) -> Iterator[str]:
    rows = found["rows"]
    if rows:
        yield from _rows(found)
        yield ""
        yield from _operating(rows)
        yield ""
        yield from _classes(next(row for row in rows if row["name"] == found["best"]))
        yield from _seeds(found)
        yield from _effects(found)
    yield from _wide(found)
    for failure in found["failed"]:
        yield f"failed: {failure['name']}: {failure['message']}"
    if rows:
        yield ""
        for remark in remarks(found):
            yield from textwrap.wrap(remark, _WIDTH)


def _rows(found: Row) -> Iterator[str]:
    width = widest(found["rows"])
    yield (
        f"  {'':<{width}}{'param.':>8}{'GFLOPs':>8}{'training':>10}{'p50':>9}  {'mAP50-95':<22}"
        f"{'points to the best':<36}starts from"
    )
    for row in found["rows"]:
        mark = "*" if row["name"] == found["best"] else " "
        low, high = row["accuracy"]["map50_95_ci"]
        accuracy = f"{map_of(row):.3f} [{low:.3f}, {high:.3f}]"
        yield (
            f"{mark} {row['name']:<{width}}{row['parameters'] / 1e6:>6.2f} M{row['gflops']:>8.2f}"
            f"{taken(row['training_seconds']):>10}{row['latency_ms']['p50']:>6.1f} ms"
            f"  {accuracy:<22}{to_best(row, found):<36}{row['start']}"
        )
    yield (
        f"p50: image to detections with {found['engine']} on {found['environment']['machine']}, "
        "each measured after its own training."
    )


def to_best(row: Row, found: Row) -> str:
    """The paired difference, and what it says."""
    if row["name"] == found["best"]:
        return "best"
    points = 100 * row["versus_best"]["difference"]
    low, high = (100 * bound for bound in row["versus_best"]["ci"])
    said = f"{points:+.1f} [{low:+.1f}, {high:+.1f}]"
    return f"{said} inconclusive" if is_inconclusive(row) else said


def taken(seconds: float) -> str:
    """A time that was measured."""
    return duration(seconds).lstrip("~")


def _operating(rows: list[Row]) -> Iterator[str]:
    width = widest(rows)
    names = "".join(f"{name:>8}" for name in ("prec.", "recall", "F1"))
    yield f"  {'':<{width}}{'micro':>8}{names}{'macro':>9}{names}"
    for row in rows:
        own = row["operating"]["own"]
        micro, macro = (
            "".join(f"{own[kind][name]:>8.3f}" for name in ("precision", "recall", "f1"))
            for kind in ("micro", "macro")
        )
        yield f"  {row['name']:<{width}}{'':>8}{micro}{'':>9}{macro}"


def _classes(row: Row) -> Iterator[str]:
    entries = row["accuracy"]["per_class"]
    width = max([len(entry["name"]) for entry in entries] + [8]) + 2
    yield f"Classes of {row['name']}, the best:"
    yield (
        f"  {'':<{width}}{'boxes':>7}{'AP50-95':>9}{'AP50':>8}{'threshold':>11}"
        f"{'prec.':>8}{'recall':>8}{'F1':>8}"
    )
    for entry, point in zip(entries, row["operating"]["own"]["per_class"], strict=True):
        figures = "".join(f"{point[name]:>8.3f}" for name in ("precision", "recall", "f1"))
        if not entry["boxes"]:
            figures = ""
        yield (
            f"  {entry['name']:<{width}}{entry['boxes']:>7}{known(entry['ap50_95']):>9}"
            f"{known(entry['ap50']):>8}{known(point['threshold']):>11}{figures}"
        )


def known(value: float | None) -> str:
    """A figure, or a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"


def _seeds(found: Row) -> Iterator[str]:
    groups = [group for group in seed_groups(found) if len(group["seeds"]) > 1]
    if groups:
        width = widest(groups)
        yield ""
        yield "Seeds together, mAP50-95:"
    for group in groups:
        yield (
            f"  {group['name']:<{width}}{group['mean']:.3f}, sd {group['sd']:.3f}, "
            f"{group['min']:.3f} to {group['max']:.3f} over {len(group['seeds'])} seeds"
        )


def _effects(found: Row) -> Iterator[str]:
    listed = effects(found)
    if listed:
        yield ""
        yield "Which factor mattered: mean mAP50-95 over rows that share all else, in pairs:"
    for each in listed:
        many = f"{each['pairs']} pairs" if each["pairs"] > 1 else "1 pair"
        yield (
            f"  {each['factor']} {each['level']} against {each['first']}: {each['mean']:.3f} "
            f"against {each['first_mean']:.3f}, {each['points']:+.1f} points "
            f"({each['low']:+.1f} to {each['high']:+.1f} over {many})"
        )


def _wide(found: Row) -> Iterator[str]:
    if found["wide"]:
        yield ""
    for net in found["wide"]:
        low, high = net["map50_95_ci"]
        yield (
            f"{net['name']} ({net['spec']}, from {net['start']}), which {len(net['rows'])} "
            f"{'rows were' if len(net['rows']) > 1 else 'row was'} slimmed from: mAP50-95 "
            f"{net['map50_95']:.3f} [{low:.3f}, {high:.3f}], {taken(net['training_seconds'])} of "
            "training."
        )
