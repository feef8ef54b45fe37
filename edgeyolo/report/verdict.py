"""The verdict: a few lines on what was gained and what it cost."""

from __future__ import annotations

from typing import Any

from edgeyolo.report.heads import heads_sentence

Row = dict[str, Any]


def verdict(report: dict[str, Any]) -> str:
    """Table of the default engine, and a few sentences."""
    slim, base = _first(report, "slim"), _first(report, "baseline")
    small = _first(report, "smaller")
    rows = [row for row in (base, slim, small) if row]
    lines = [
        _HEADER.format("", "parameters", "GFLOPs", "file", "p50", "mAP50-95"),
        *map(_line, rows),
    ]
    data = report["data"]
    lines.append(
        f"{slim['engine']}, image to detections, {report['environment']['machine']}; "
        f"{data['split']}: {data['images']} images, {data['boxes']} boxes, 95 % intervals."
    )
    lines += sentences(report)
    return "\n".join(lines)


_HEADER = "{:<34}{:>11}{:>8}{:>10}{:>10}  {}"


def sentences(report: dict[str, Any]) -> list[str]:
    """What a reader wants to know first."""
    slim, base = _first(report, "slim"), _first(report, "baseline")
    small = _first(report, "smaller")
    if not base:
        return [*_trained(report), *_advice(report)]
    ratio = slim["latency"]["ratio_to_baseline"]
    parameters = slim["parameters"] / base["parameters"]
    said = [
        f"The slim net has {parameters:.0%} of the parameters, takes {ratio['median']:.2f}x the "
        f"time ({ratio['low']:.2f} to {ratio['high']:.2f} over the rounds)"
        f" and its mAP50-95 {_difference(slim['accuracy']['versus_baseline'])}."
    ]
    if small:
        time = small["latency"]["ratio_to_baseline"]["median"]
        said.append(
            f"The wide net at {small['imgsz']} px instead takes {time:.2f}x the time and its "
            f"mAP50-95 {_difference(small['accuracy']['versus_baseline'])}."
        )
    if not report["knows_classes"]:
        said.append(
            "The wide net was not trained on these classes: what the slim net differs from it by "
            "says nothing."
        )
    return said + _advice(report)


def _trained(report: dict[str, Any]) -> list[str]:
    """What a training without anything made smaller ends with."""
    training = report["training"][-1]
    curve = training["map50_95"]
    best = 1 + curve.index(max(curve, key=lambda value: value or 0.0))
    return [
        f"{len(curve)} epochs in {training['seconds'] / 60:.1f} min on {training['device']}; the "
        f"best was number {best}, by mAP50-95 on {report['data']['split']}."
    ]


def _advice(report: dict[str, Any]) -> list[str]:
    advised = report["heads"]["recommended"]
    is_followed = report["kept_heads"] == advised
    if len(advised) < len(report["heads"]["assigned"]) and not is_followed:
        return [heads_sentence(report["heads"])]
    return []


def _difference(versus: dict[str, Any]) -> str:
    low, high = versus["ci"]
    points = f"{100 * versus['difference']:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"
    if low <= 0 <= high:
        return f"differs by {points}, which these images cannot tell from no change"
    return f"differs by {points}"


def _line(row: Row) -> str:
    accuracy, latency = row["accuracy"], row["latency"]
    low, high = accuracy["map50_95_ci"]
    return _HEADER.format(
        f"{row['title']} {row['name']} {row['imgsz']}px"[:33],
        f"{row['parameters'] / 1e6:.2f} M",
        f"{row['gflops']:.2f}",
        f"{row['file_size_bytes'] / 1e6:.1f} MB",
        f"{latency['end_to_end_ms']['p50']:.1f} ms",
        f"{accuracy['map50_95']:.3f} [{low:.3f}, {high:.3f}]",
    )


def _first(report: dict[str, Any], role: str) -> Row:
    return next((row for row in report["rows"] if row["role"] == role), {})
