"""The verdict: what was gained and what it cost, in a few plain sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeyolo.report.form import Report, Row, baseline_of, devices_of
from edgeyolo.report.heads import heads_sentence
from edgeyolo.report.points import Point, points_of

_HEADER = "{:<34}{:>11}{:>8}{:>10}{:>10}  {}"


def verdict(report: Report) -> str:
    """Table of the nets of a run in its first engine, and a few sentences."""
    points = _of_first_engine(points_of(report, report["devices"][0]["id"]))
    lines = [
        _HEADER.format("", "parameters", "GFLOPs", "file", "p50", "mAP50-95"),
        *map(_line, points),
    ]
    data = report["data"]
    lines.append(
        f"{points[0].net['engine']}, image to detections, {report['devices'][0]['machine']}; "
        f"{data['split']}: {data['images']} images, {data['boxes']} boxes, 95 % intervals."
    )
    lines += sentences(report)
    return "\n".join(lines)


def sentences(report: Report) -> list[str]:
    """What a reader wants to know first."""
    said = [*_about_one_slim_net(report)]
    for device in devices_of(report):
        said += _on(report, device)
    if baseline_of(report) and not all(run["knows_classes"] for run in report["runs"]):
        said.append(
            "The wide net was not trained on these classes: what the slim net differs from it by "
            "says nothing."
        )
    if not said:
        said += _trained(report)
    return [*said, *_advice(report)]


def _about_one_slim_net(report: Report) -> Iterator[str]:
    """Of a run, which compares one slim net with the wide one and with the latter made faster."""
    if len(report["runs"]) != 1 or not report["devices"]:
        return
    points = points_of(report, report["devices"][0]["id"])
    slim, base, small = (_first(points, role) for role in ("slim", "baseline", "smaller"))
    if slim is None or base is None:
        return
    ratio = slim.timing["ratio_to_baseline"]
    parameters = slim.net["parameters"] / base.net["parameters"]
    yield (
        f"The slim net has {parameters:.0%} of the parameters, takes {ratio['median']:.2f}x the "
        f"time ({ratio['low']:.2f} to {ratio['high']:.2f} over the rounds)"
        f" and its mAP50-95 {_difference(slim.net)}."
    )
    if small:
        time = small.timing["ratio_to_baseline"]["median"]
        yield (
            f"The wide net at {small.net['imgsz']} px instead takes {time:.2f}x the time and its "
            f"mAP50-95 {_difference(small.net)}."
        )


def _on(report: Report, device: Row) -> Iterator[str]:
    points = points_of(report, device["id"])
    base = _first(points, "baseline")
    if base is not None and len(points) > 1:
        yield _as_good(points, base, device, report["budget"]["within_points"])
    limit = report["budget"]["latency_ms"]
    if points and limit and report["budget"]["device"] in (None, device["id"]):
        yield _within_budget(points, limit, device)


def _as_good(points: list[Point], base: Point, device: Row, within: float) -> str:
    """The fastest that loses little."""
    where = f"On {device['machine']}"
    called = f"{within:g} point{'' if within == 1 else 's'} of the baseline"
    good = [p for p in points if 100 * (base.quality - p.quality) <= within and p.ms < base.ms]
    if not good:
        return (
            f"{where} no net is both faster than the baseline ({base.label}, {base.latency}) and "
            f"within {called}."
        )
    best = min(good, key=lambda point: point.ms)
    times = f"{'~' if best.is_predicted else ''}{base.ms / best.ms:.1f}x"
    at = "" if best.is_predicted else " at p90"
    return (
        f"{where} the fastest within {called}: {best.label}, {times} as fast{at} "
        f"({best.latency} against {base.latency}); its mAP50-95 {_difference(best.net)}."
    )


def _within_budget(points: list[Point], limit: float, device: Row) -> str:
    """The most accurate that is fast enough."""
    fitting = [point for point in points if point.ms <= limit]
    where = f"under {limit:.1f} ms on {device['machine']}"
    if not fitting:
        nearest = min(points, key=lambda point: point.ms)
        return f"None is {where}; the fastest is {nearest.label}, {_told(nearest)}."
    best = max(fitting, key=lambda point: point.quality)
    low, high = best.quality_ci
    return (
        f"The best {where}: {best.label}, {_told(best)}, "
        f"mAP50-95 {best.quality:.3f} [{low:.3f}, {high:.3f}]."
    )


def _told(point: Point) -> str:
    return f"{'predicted' if point.is_predicted else 'p90'} {point.latency}"


def _trained(report: Report) -> Iterator[str]:
    """What a training without anything made smaller ends with."""
    trainings = [training for run in report["runs"] for training in run["trainings"]]
    if not trainings or not report["data"]:
        return
    training = trainings[-1]
    curve = training["map50_95"]
    best = 1 + curve.index(max(curve, key=lambda value: value or 0.0))
    yield (
        f"{len(curve)} epochs in {training['seconds'] / 60:.1f} min on {training['device']}; the "
        f"best was number {best}, by mAP50-95 on {report['data']['split']}."
    )


def _advice(report: Report) -> Iterator[str]:
    """Of the heads, where the first run that asked did not follow it."""
    for run in [run for run in report["runs"] if run["heads"]][:1]:
        heads = run["heads"]
        is_followed = run["kept_heads"] == heads["recommended"]
        if len(heads["recommended"]) < len(heads["assigned"]) and not is_followed:
            yield heads_sentence(heads)


def _difference(net: Row) -> str:
    versus = net["accuracy"]["versus_baseline"]
    if not versus:
        return "was not compared"
    low, high = versus["ci"]
    points = f"{100 * versus['difference']:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"
    if low <= 0 <= high:
        return f"differs by {points}, which these images cannot tell from no change"
    return f"differs by {points}"


def _line(point: Point) -> str:
    net, (low, high) = point.net, point.quality_ci
    return _HEADER.format(
        f"{net['title']} {net['name']} {net['imgsz']}px"[:33],
        f"{net['parameters'] / 1e6:.2f} M",
        f"{net['gflops']:.2f}",
        f"{net['file_size_bytes'] / 1e6:.1f} MB",
        f"{point.timing['end_to_end_ms']['p50']:.1f} ms",
        f"{point.quality:.3f} [{low:.3f}, {high:.3f}]",
    )


def _of_first_engine(points: list[Point]) -> list[Point]:
    """One of each role, the wide net first."""
    by_role = {role: _first(points, role) for role in ("baseline", "slim", "smaller")}
    return [point for point in by_role.values() if point]


def _first(points: list[Point], role: str) -> Any:
    return next((point for point in points if point.net["role"] == role), None)
