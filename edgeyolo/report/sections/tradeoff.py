"""Latency against accuracy, device by device, with a table of all nets."""

from __future__ import annotations

from typing import Any

from edgeyolo.report.figures import as_svg
from edgeyolo.report.form import Report, Row, devices_of, label
from edgeyolo.report.pareto_figure import Panel, pareto_figure
from edgeyolo.report.points import Front, Point, front_of, points_of, speedup

_ROOM = 1.05  # the reference latency is that much above the slowest net's


def section(report: Report) -> dict[str, Any]:
    """A plot and a table for each device on which nets with an accuracy were timed."""
    plots = [plot for device in devices_of(report) if (plot := _plot(report, device))]
    if not plots:
        return {"missing": "No net has both an accuracy and a latency."}
    return {"plots": plots, "untimed": _untimed(report)}


def panels_of(report: Report) -> list[Panel]:
    """One for each device that has any points."""
    return [panel for device in devices_of(report) if (panel := _panel(report, device)).points]


def _panel(report: Report, device: Row) -> Panel:
    points, budget = points_of(report, device["id"]), report["budget"]
    return Panel(
        device["machine"],
        points,
        front_of(points, _limit(points)) if points else None,
        budget["latency_ms"] if budget["device"] in (None, device["id"]) else None,
    )


def _limit(points: list[Point]) -> float:
    return _ROOM * max(point.ms for point in points)


def _plot(report: Report, device: Row) -> dict[str, Any] | None:
    panel = _panel(report, device)
    points, front = panel.points, panel.front
    if not points:
        return None
    figure = pareto_figure([panel])
    base = next((point for point in points if point.net["role"] == "baseline"), None)
    return {
        "device": device,
        "figure": as_svg(figure),
        "rows": [_row(point, base, front) for point in sorted(points, key=lambda p: p.ms)],
        "volumes": _volumes(points),
        "knee": front.knee.label if front and front.knee else None,
    }


def _row(point: Point, base: Point | None, front: Front | None) -> dict[str, Any]:
    chosen = front.points if front else []
    index = chosen.index(point) if point in chosen else None
    return {
        "point": point,
        "net": point.net,
        "label": point.label,
        "is_front": index is not None,
        "is_told_apart": front is None or index is None or front.told_apart[index],
        "is_base": base is not None and point.net["id"] == base.net["id"],
        "times": speedup(point, base) if base else None,
    }


def _volumes(points: list[Point]) -> list[dict[str, Any]]:
    """Of our nets, and of the baselines alone, both left of the same latency."""
    limit = _limit(points)
    families = (
        ("the slim nets", [point for point in points if not point.is_baseline]),
        ("the baselines", [point for point in points if point.is_baseline]),
    )
    return [
        {"family": name, "volume": front.volume, "ci": front.volume_ci, "limit_ms": limit}
        for name, family in families
        if (front := front_of(family, limit))
    ]


def _untimed(report: Report) -> list[str]:
    """Nets that no plot can show."""
    shown = {p.net["id"] for d in report["devices"] for p in points_of(report, d["id"])}
    return [label(net) for net in report["nets"] if net["accuracy"] and net["id"] not in shown]
