"""A quantization.json as a report: the net in fp32 and in int8, and how the latter came about."""

from __future__ import annotations

from edgeyolo.flow.collect.nets import device_row, net_id, parts, timing_row
from edgeyolo.report.form import Report, Row, new_report

_OF_A_REPORT = ("nets", "environment", "data")  # which stand elsewhere in it


def quantization_row(found: Row) -> Row:
    """How the net was quantized, without what a report has elsewhere."""
    kept = {key: value for key, value in found.items() if key not in _OF_A_REPORT}
    int8 = found["nets"][1]
    times = {k: v for k, v in found["latency"].items() if k != "samples"}
    return {**kept, "latency": times, "net": net_id(int8["sha256"], found["engine"], int8["imgsz"])}


def collect_quantization(found: Row) -> Report:
    """Join it."""
    data, engine = found["data"], found["engine"]
    nets = [_net(row, engine) for row in found["nets"]]
    device = device_row(found["environment"], found["latency"]["images"])
    by_precision = {net["precision"]: net["id"] for net in nets}
    timings = [
        timing_row(by_precision[row["precision"]], device["id"], _timed(row))
        for row in found["latency"]["samples"]
        if row["precision"] in by_precision  # fp16 is measured for its time alone
    ]
    return new_report(
        f"{nets[0]['name']} in int8, on {data['name']}",
        data={**data, "splits": {}, "statistics": None},
        nets=nets,
        devices=[device],
        sittings=[{"device": device["id"], "states": []}],
        timings=timings,
        quantizations=[quantization_row(found)],
    )


def _net(row: Row, engine: str) -> Row:
    kept = {key: value for key, value in row.items() if key != "versus_before"}
    return {
        **kept,
        "id": net_id(row["sha256"], engine, row["imgsz"]),
        "run": None,
        "role": "before" if row["role"] == "before" else "slim",
        "title": row["name"],
        "parts": parts(row["spec"], len(row["accuracy"]["per_class"]), row["imgsz"]),
        "accuracy": {**row["accuracy"], "versus_baseline": row["versus_before"]},
    }


def _timed(row: Row) -> Row:
    return {key: v for key, v in row.items() if key not in ("precision", "ratio_to_first")}
