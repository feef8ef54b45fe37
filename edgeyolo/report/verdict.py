"""The verdict: what was gained and what it cost, in a few plain sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeyolo.report.form import Report, Row, baseline_of, devices_of
from edgeyolo.report.heads import heads_sentence
from edgeyolo.report.points import Point, points_of, speedup

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
    if not _knows_classes(report):
        said.append(
            "The wide net was not trained on these classes: what the slim net differs from it by "
            "says nothing."
        )
    if not said:
        said += _trained(report)
    if not any(net["accuracy"] for net in report["nets"]):
        said.append("Latency alone: no accuracy of these nets is known; name their run as well.")
    return [*said, *_advice(report)]


def _knows_classes(report: Report) -> bool:
    """Whether the baseline was trained on the classes that it is judged by."""
    base = baseline_of(report)
    runs = [run for run in report["runs"] if base and run["name"] == base["run"]]
    return all(run["knows_classes"] for run in runs)


def _about_one_slim_net(report: Report) -> Iterator[str]:
    """Of a run, which compares one slim net with the wide one and with the latter made faster."""
    here = [device for device in report["devices"] if device["kind"] == "measured"]
    if len(report["runs"]) != 1 or not here:
        return
    points = points_of(report, here[0]["id"])
    slim, base, small = (_first(points, role) for role in ("slim", "baseline", "smaller"))
    if slim is None or base is None or not (faster := speedup(slim, base)):
        return
    time, most, least = (1 / times for times in faster)
    parameters = slim.net["parameters"] / base.net["parameters"]
    yield (
        f"The slim net has {parameters:.0%} of the parameters, takes {time:.2f}x the "
        f"time ({least:.2f} to {most:.2f} over the rounds)"
        f" and its mAP50-95 {_difference(slim.net)}."
    )
    if small and (faster := speedup(small, base)):
        yield (
            f"The wide net at {small.net['imgsz']} px instead takes {1 / faster[0]:.2f}x the time "
            f"and its mAP50-95 {_difference(small.net)}."
        )


def _on(report: Report, device: Row) -> Iterator[str]:
    points = points_of(report, device["id"])
    base = _first(points, "baseline")
    rivals = [point for point in points if base is not None and speedup(point, base)]
    if base is not None and len(rivals) > 1:
        yield _as_good(rivals, base, device, report["budget"]["within_points"])
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
    return (
        f"{where} the fastest within {called} by what these images show: {best.label}, "
        f"{_times(best, base)}; its mAP50-95 {_difference(best.net)}."
    )


def _times(best: Point, base: Point) -> str:
    """How many times as fast, by the rounds in which both took turns."""
    median, low, high = speedup(best, base) or (1.0, 1.0, 1.0)
    if best.is_predicted:
        return f"~{median:.1f}x as fast ({best.latency} against {base.latency})"
    rounds = f" ({low:.1f} to {high:.1f} over the rounds)" if low < high else ""
    is_steady = all(point.timing["verdict"] == "stable" for point in (best, base))
    doubt = "" if is_steady else ", on a machine that was not steady: measure again"
    return f"{median:.1f}x as fast{rounds}, p90 {best.latency} against {base.latency}{doubt}"


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
