"""The answer of ``edgeyolo bench --json`` as a report: timings of nets known elsewhere."""

from __future__ import annotations

from typing import Any

from edgeyolo.errors import DataError
from edgeyolo.flow.collect.nets import device_row, timing_row
from edgeyolo.report.form import Report, Row, new_report
from edgeyolo.slim.spec import SlimSpec

_OF_THE_NET = ("bundle", "label", "precision", "spec", "classes", "imgsz", "id", "sha256")


def is_bench(found: Any) -> bool:
    """Whether it may be one."""
    return isinstance(found, dict) and {"results", "environment"} <= set(found)


def collect_bench(answer: Row, name: str) -> Report:
    """Join it; ``name`` is what the file is called.

    Raises:
        DataError: when it is not the answer of a bench.
    """
    try:
        device = device_row(answer["environment"], answer["images"])
        nets = [_net(result) for result in answer["results"]]
        timings = [
            timing_row(net["id"], device["id"], _without_net(result))
            for net, result in zip(nets, answer["results"], strict=True)
        ]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{name} is no answer of 'edgeyolo bench BUNDLE --json'.", "Measure it again."
        ) from error
    return new_report(
        f"Latency on {device['machine']}",
        nets=list({net["id"]: net for net in nets}.values()),
        devices=[device],
        sittings=[{"device": device["id"], "states": answer.get("states", [])}],
        timings=timings,
    )


def _net(result: Row) -> Row:
    spec = SlimSpec.from_dict(result["spec"]).name if result["spec"] else result["label"]
    return {
        "id": result["id"],
        "run": None,
        "role": "other",
        "title": spec,
        "name": spec,
        "spec": result["spec"],
        "imgsz": result["imgsz"],
        "engine": result["engine"],
        "precision": result["precision"],
        "strides": None,
        "parameters": None,
        "gflops": None,
        "parts": None,
        "file_size_bytes": None,
        "sha256": result["sha256"],
        "accuracy": None,
        "details": None,
    }


def _without_net(result: Row) -> Row:
    return {key: value for key, value in result.items() if key not in _OF_THE_NET}
