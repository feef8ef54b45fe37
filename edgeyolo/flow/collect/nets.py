"""Rows of report.json: a net, its timing, and the device that it was timed on."""

from __future__ import annotations

import re
from typing import Any

from edgeyolo.device.bundle import Bundle
from edgeyolo.files import sha256
from edgeyolo.slim.cost import parts_of
from edgeyolo.slim.spec import SlimSpec

Row = dict[str, Any]

_OF_ACCURACY = ("role", "engine", "details")
_OF_LATENCY = ("role", "engine", "ratio_to_baseline")


def net_row(bundle: Bundle, measured: Row, *, run: str, role: str, title: str) -> Row:
    """A bundle's engine; ``measured`` is its row in an accuracy.json."""
    engine, net = measured["engine"], bundle.provenance.get("net") or {}
    spec = bundle.provenance.get("spec")
    digest = bundle.digest(engine)
    return {
        "id": net_id(digest, engine, bundle.width),
        "run": run,
        "role": role,
        "title": title,
        "name": bundle.name,
        "spec": spec,
        "imgsz": bundle.width,
        "engine": engine,
        "precision": bundle.precision,
        "strides": list(bundle.strides),
        "parameters": net.get("parameters"),
        "gflops": net.get("gflops"),
        "parts": parts(spec, len(bundle.names), bundle.width),
        "file_size_bytes": bundle.size_bytes(engine),
        "sha256": digest,
        "files": {name: sha256(bundle.root / name) for name in bundle.engines[engine].values()},
        "accuracy": {key: v for key, v in measured.items() if key not in _OF_ACCURACY},
        "details": measured.get("details"),  # runs of before have none
    }


def net_id(digest: str, engine: str, imgsz: int) -> str:
    """By what is in its files, so that it is known again on another machine.

    NCNN's files are the same for all image sizes.
    """
    return f"{digest[:12]}@{engine}-{imgsz}"


def timing_row(net: str, device: str, measured: Row) -> Row:
    """``measured`` is a row of a latency.json, or of the answer of a bench."""
    found = {key: value for key, value in measured.items() if key not in _OF_LATENCY}
    ratio = measured.get("ratio_to_baseline")
    head = {"net": net, "device": device, "sitting": 0, "kind": "measured"}
    return {**head, "ratio_to_baseline": ratio, **found}


def predicted_row(net: str, board: str, figures: Row) -> Row:
    """Figures are ``latency_ms``, ``low_ms``, ``high_ms``: from image to detections."""
    return {"net": net, "device": board, "sitting": None, "kind": "predicted", **figures}


def board_row(board: str, title: str) -> Row:
    """A board that is not at hand."""
    return {"id": board, "machine": title, "kind": "predicted", "environment": None, "images": 0}


def device_row(environment: Row, images: int) -> Row:
    """The machine that something was timed on."""
    machine = environment["machine"]
    return {
        "id": re.sub(r"[^a-z0-9]+", "-", machine.lower()).strip("-") or "machine",
        "machine": machine,
        "kind": "measured",
        "environment": environment,
        "images": images,
    }


def parts(spec: Row | None, classes: int, imgsz: int) -> Row | None:
    """What backbone, neck and each head cost, where the form of the net is known."""
    return parts_of(SlimSpec.from_dict(spec), classes, imgsz) if spec else None
