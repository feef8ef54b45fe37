"""What int8 keeps of fp32, what it brings, and what had to stay in float."""

from __future__ import annotations

from collections import Counter
from typing import Any

from edgeyolo.report.form import Report, Row, label
from edgeyolo.report.quantization import (
    gate_sentence,
    pays_sentence,
    reached,
    retained_of,
    shortfalls,
    threshold_sentence,
)
from edgeyolo.report.retained_figure import GATES, retained_figure

_NONE = (
    "No int8 file is part of this report; make one with: edgeyolo quantize BUNDLE --data DATA "
    "--out FOLDER"
)
_PARTS = {
    "val": "accuracy on val",
    "agreement": "agreement of the raw outputs",
    "layers": "precision of each convolution",
    "latency": "latency",
    "gate": "images kept apart",
    "disagreements": "pictures of disagreements",
}


def section(report: Report) -> dict[str, Any]:
    """One entry for each int8 file; what an entry's file does not hold is named in it."""
    found = report.get("quantizations") or []
    if not found:
        return {"missing": _NONE}
    names = (report.get("data") or {}).get("classes") or []
    return {"entries": [_entry(report, one) for one in found], "names": names}


def _entry(report: Report, found: Row) -> dict[str, Any]:
    return {
        "label": _label(report, found),
        "accuracy": _accuracy(found["val"]) if found.get("val") else None,
        "agreement": found.get("agreement"),
        "layers": _layers(found["layers"]) if found.get("layers") else None,
        "share": found.get("int8_share"),
        "size": _size(found),
        "times": _times(found["latency"]) if found.get("latency") else None,
        "machine": _machine(report, found),
        "gate": found.get("gate"),
        "advice": _advice(found),
        "method": _method(found),
        "pictures": found.get("disagreements") or [],
        "is_agreed": found.get("disagreements") == [],
        "absent": ", ".join(words for key, words in _PARTS.items() if found.get(key) is None),
    }


def _label(report: Report, found: Row) -> str:
    """As everywhere in the report, where the net is known there."""
    net = next((net for net in report.get("nets") or [] if net["id"] == found.get("net")), None)
    if net is not None:
        return label(net)
    return f"{found.get('name', 'net')}, {found.get('engine', 'unknown engine')} int8"


def _accuracy(val: Row) -> dict[str, Any]:
    kept = retained_of(val)
    where = f"{val['images']} images, {val['boxes']} boxes of val"
    return {
        "headline": f"{reached(val)}: {val['before']:.4f} → {val['after']:.4f} on {where}.",
        "figure": retained_figure(kept["value"], kept["ci"]) if kept else "",
        "gates": [gate_sentence(gate, kept, val["images"]) for gate in GATES] if kept else [],
        "again": _again(val),
        "threshold": threshold_sentence(*val["threshold"]),
    }


def _again(val: Row) -> str:
    """The detections of fp32 in int8's eyes."""
    said = f"{val['matched']} of {val['detections']} detections of fp32 are found again"
    if val.get("matched_iou") is None:
        return f"{said}."
    return (
        f"{said}, with a mean IoU of {val['matched_iou']:.3f} and a score that changes by "
        f"{val['score_change']:+.3f} in the mean."
    )


def _layers(rows: list[Row]) -> dict[str, Any]:
    reasons = Counter(row["why"] for row in rows if row["precision"] == "float")
    return {
        "rows": rows,
        "int8": sum(row["precision"] == "int8" for row in rows),
        "floats": ", ".join(f"{count} {why}" for why, count in sorted(reasons.items())),
    }


def _size(found: Row) -> str | None:
    """In words, as the figures stand in the file."""
    if not found.get("size_bytes"):
        return None
    return f"{found['size_bytes'] / 1e6:.2f} MB, {found['size_ratio']:.2f} × fp32"


def _times(latency: Row) -> list[dict[str, Any]]:
    return [{"precision": kind, **latency[kind]} for kind in ("fp16", "int8") if kind in latency]


def _machine(report: Report, found: Row) -> str | None:
    """Where both were timed: as the file says, or the device on which the report has the net."""
    if found.get("environment"):
        return str(found["environment"]["machine"])
    on = {t["device"] for t in report.get("timings") or [] if t["net"] == found.get("net")}
    devices = (d for d in report.get("devices") or [] if d["id"] in on and d["kind"] == "measured")
    names = [str(device["machine"]) for device in devices]
    return names[0] if len(names) == 1 else None


def _advice(found: Row) -> list[str]:
    """Whether it pays, and what falls short."""
    if not {"gate", "recommended", "latency", "engine", "int8_share"} <= set(found):
        return []
    pays = pays_sentence(found)
    return [pays, *(said for said in shortfalls(found) if said != pays)]


def _method(found: Row) -> str | None:
    if "calibration_images" not in found:
        return None
    return (
        f"Ranges by {found.get('method')} from {found['calibration_images']} training images, "
        f"seed {found.get('seed')}."
    )
