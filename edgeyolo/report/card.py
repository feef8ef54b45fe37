"""report.json → Markdown for a model card."""

from __future__ import annotations

from collections.abc import Iterator

from edgeyolo.report.form import Report, Row, devices_of
from edgeyolo.report.points import Point, points_of
from edgeyolo.report.verdict import sentences


def model_card(report: Report) -> str:
    """Data, nets, latencies and limits, as a section that stands in any README."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"## {_plain(report['title'])}"
    yield ""
    for sentence in sentences(report):
        yield f"- {_plain(sentence)}"
    data = report["data"]
    if data:
        yield ""
        yield (
            f"Judged on {_plain(data['split'])} of {_plain(data['name'])}: {data['images']} images,"
            f" {data['boxes']} boxes, {len(data['classes'])} classes (COCO protocol, exported "
            "files; 95 % intervals over images)."
        )
    for device in devices_of(report):
        points = sorted(points_of(report, device["id"]), key=lambda point: point.ms)
        if points:
            yield from _table(device, points)
    yield ""
    yield from _about(report)


def _table(device: Row, points: list[Point]) -> Iterator[str]:
    is_predicted = device["kind"] == "predicted"
    how = "predicted, not measured" if is_predicted else "p90, image to detections"
    yield ""
    yield f"### {_plain(device['machine'])}"
    yield ""
    yield f"| net | mAP50-95 | mAP50 | latency ({how}) | file | parameters |"
    yield "|---|---|---|---|---|---|"
    for point in points:
        net, (low, high) = point.net, point.quality_ci
        cells = (
            _plain(point.label),
            f"{point.quality:.3f} [{low:.3f}, {high:.3f}]",
            f"{net['accuracy']['map50']:.3f}",
            point.latency,
            _scaled(net["file_size_bytes"], "MB"),
            _scaled(net["parameters"], "M"),
        )
        yield f"| {' | '.join(cells)} |"


def _about(report: Report) -> Iterator[str]:
    names = report["data"]["classes"] if report["data"] else []
    if names:
        yield f"Classes: {', '.join(map(_plain, names))}."
        yield ""
    yield (
        f"Measured with edgeyolo {report['edgeyolo']}, {report['created']}. Weights and code: "
        "AGPL-3.0-or-later."
    )


def _scaled(value: int | None, unit: str) -> str:
    return "–" if value is None else f"{value / 1e6:.2f} {unit}"


def _plain(text: str) -> str:
    """On one line, and nothing in it is Markdown."""
    shown = "".join(mark if mark.isprintable() else " " for mark in text)
    for mark in "\\`*_{}[]<>|#":
        shown = shown.replace(mark, f"\\{mark}")
    return shown
