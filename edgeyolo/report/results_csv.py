"""report.json → results.csv: one line for each net on each device, units in the names."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from edgeyolo.report.form import Report, Row

_SCOPES = {"engine_only_ms": "engine", "end_to_end_ms": "model", "camera_ms": "camera"}


def results_csv(report: Report) -> str:
    """Nets that were not timed have a line, too; what is not known is empty."""
    lines = list(_lines(report))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(_line({}, None, "", None)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return stream.getvalue()


def _lines(report: Report) -> Iterator[Row]:
    machines = {device["id"]: device["machine"] for device in report["devices"]}
    for net in report["nets"]:
        timings = [timing for timing in report["timings"] if timing["net"] == net["id"]]
        for timing in timings or [None]:
            machine = machines[timing["device"]] if timing else ""
            yield _line(net, timing, machine, report["data"])


def _line(net: Row, timing: Row | None, machine: str, data: Row | None) -> Row:
    return {**_of_net(net), **_of_accuracy(net, data), **_of_timing(timing or {}, machine)}


def _of_net(net: Row) -> Row:
    return {
        "net": net.get("title"),
        "spec": net.get("name"),
        "run": net.get("run"),
        "role": net.get("role"),
        "imgsz_px": net.get("imgsz"),
        "engine": net.get("engine"),
        "precision": net.get("precision"),
        "parameters": net.get("parameters"),
        "gflops": net.get("gflops"),
        "file_size_bytes": net.get("file_size_bytes"),
        "sha256": net.get("sha256"),
    }


def _of_accuracy(net: Row, data: Row | None) -> Row:
    accuracy = net.get("accuracy") or {}
    low, high = accuracy.get("map50_95_ci") or (None, None)
    versus = accuracy.get("versus_baseline") or {}
    worst, best = versus.get("ci") or (None, None)
    details = net.get("details")
    return {
        "split": data["split"] if data and accuracy else None,
        "images": accuracy.get("images"),
        "boxes": accuracy.get("boxes"),
        "map50_95": accuracy.get("map50_95"),
        "map50_95_low": low,
        "map50_95_high": high,
        "map50": accuracy.get("map50"),
        "map75": accuracy.get("map75"),
        "versus_baseline_map50_95": versus.get("difference"),
        "versus_baseline_low": worst,
        "versus_baseline_high": best,
        "confidence": details["operating"]["common"]["threshold"] if details else None,
    }


def _of_timing(timing: Row, machine: str) -> Row:
    is_predicted = timing.get("kind") == "predicted"
    found: dict[str, Any] = {
        "device": machine,
        "kind": timing.get("kind"),
        "threads": timing.get("threads"),
        "runs": timing.get("runs"),
        "predicted_model_ms": timing["latency_ms"] if is_predicted else None,
        "predicted_model_low_ms": timing["low_ms"] if is_predicted else None,
        "predicted_model_high_ms": timing["high_ms"] if is_predicted else None,
    }
    for scope, name in _SCOPES.items():
        figures = timing.get(scope) or {}
        found |= {f"{p}_{name}_ms": figures.get(p) for p in ("p50", "p90", "p99")}
        if scope != "camera_ms":
            low, high = figures.get("p90_ci") or (None, None)
            found |= {f"p90_{name}_low_ms": low, f"p90_{name}_high_ms": high}
    return {
        **found,
        "sustained_p90_model_ms": (timing.get("sustained_ms") or {}).get("p90"),
        "load_ms": timing.get("load_ms"),
        "first_ms": timing.get("first_ms"),
        "peak_rss_mb": timing.get("peak_rss_mb"),
        "verdict": timing.get("verdict"),
    }
