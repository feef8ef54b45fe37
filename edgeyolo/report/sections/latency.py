"""What each net takes on each device, how steady that was, and which layers it goes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from edgeyolo.measure.predict import approximate
from edgeyolo.report.form import Report, Row, label
from edgeyolo.report.latency_figures import MOST, Course, over_time, spread
from edgeyolo.report.latency_words import about, layer_words, notes, verdict_words
from edgeyolo.report.predictions import comparisons

_SCOPES = (
    ("end_to_end_ms", "Image to detections", "letterbox, engine, decoding and NMS"),
    ("engine_only_ms", "The engine alone", "the call of the runtime"),
    ("camera_ms", "Age of a camera's frames", "made up, 30 pictures a second: from the picture to "
     "the end of the pipeline, waiting included"),
)  # fmt: skip
_MOST_SITTINGS = 3  # that are drawn of one device


def section(report: Report) -> dict[str, Any]:
    """A part for each device that something was timed on, or predicted for."""
    if not report["timings"]:
        return {"missing": "Nothing was timed."}
    names = _names(report)
    parts = [_device(report, device, names) for device in report["devices"]]
    return {"devices": [part for part in parts if part], "most": MOST}


def _names(report: Report) -> dict[tuple[str, Any], str]:
    """What a net is called with a number of threads, which is named where there are several."""
    nets = {net["id"]: net for net in report["nets"]}
    timed = [(timing["net"], timing.get("threads")) for timing in report["timings"]]
    counts = Counter(net for net, threads in dict.fromkeys(timed) if threads is not None)
    found = {}
    for net, threads in timed:
        name = label(nets[net]) if net in nets else net
        more = counts[net] > 1 and threads is not None
        found[net, threads] = f"{name}, {threads} threads" if more else name
    return found


def _device(report: Report, device: Row, names: dict[tuple[str, Any], str]) -> dict[str, Any]:
    timings = [timing for timing in report["timings"] if timing["device"] == device["id"]]
    measured = [timing for timing in timings if timing["kind"] == "measured"]
    predicted = [timing for timing in timings if timing["kind"] == "predicted"]
    if not timings:
        return {}
    rows = [_row(timing, names[timing["net"], timing.get("threads")]) for timing in measured]
    return {
        "machine": device["machine"],
        "images": device["images"],
        "environment": device["environment"],
        "scopes": list(_scopes(rows)),
        "rows": rows,
        "spread": _spread(rows),
        "sittings": list(_sittings(report, rows)),
        "notes": list(notes(rows)),
        "layers": [row for row in rows if row["layers"]][:MOST],
        "layers_left": max(0, sum(bool(row["layers"]) for row in rows) - MOST),
        "of_layers": layer_words({row["engine"] for row in rows}),
        "comparisons": [
            {"about": one, "labels": [names[pair.net, pair.threads] for pair in one.pairs]}
            for one in comparisons(report, device["id"])
        ],
        "predicted": [
            {
                "label": names[one["net"], None],
                "ms": one["latency_ms"],
                "words": approximate(one["latency_ms"], one["low_ms"], one["high_ms"]),
            }
            for one in predicted
            if one["net"] not in {row["net"] for row in measured}
        ],
    }


def _row(timing: Row, name: str) -> Row:
    """A timing with all that may be missing in older files."""
    known = {"layers": None, "samples": None, "sitting": None, "sustained_ms": None}
    found = {**known, **timing, "label": name, "words": verdict_words(timing)}
    found["engine"] = timing["net"].rpartition("@")[2].partition("-")[0]
    found["is_told"] = "layers" in timing
    return found


def _scopes(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    for key, title, words in _SCOPES:
        timed = [(row, row[key]) for row in rows if row.get(key)]
        if timed:
            is_sure = any("p90_ci" in figures for _, figures in timed)
            yield {"key": key, "title": title, "words": words, "rows": timed, "is_sure": is_sure}


def _spread(rows: Sequence[Row]) -> str:
    courses = _courses(rows)
    return spread(courses) if courses else ""


def _courses(rows: Sequence[Row]) -> list[Course]:
    return [Course.of(r["label"], r["samples"]) for r in rows if _has_runs(r["samples"])][:MOST]


def _has_runs(samples: Row | None) -> bool:
    if not samples:
        return False
    return all(any(samples.get(key) or ()) for key in ("at", "total_ms", "engine_ms"))


def _sittings(report: Report, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Nets that took turns, over time; another sitting is another day."""
    for sitting in list(dict.fromkeys(row["sitting"] for row in rows))[:_MOST_SITTINGS]:
        mine = [row for row in rows if row["sitting"] == sitting]
        courses, states = _courses(mine), _states(report, mine)
        if courses:
            yield {"figure": over_time(courses, states), "about": about(states)}


def _states(report: Report, rows: Sequence[Row]) -> list[Row]:
    """What the machine said meanwhile."""
    sittings, place = report.get("sittings") or [], rows[0]["sitting"]
    return list(sittings[place]["states"]) if place is not None and place < len(sittings) else []
