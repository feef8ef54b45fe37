"""quantization.json, beside an int8 bundle: all that a report tells of it and of its fp32 net."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import edgeyolo
from edgeyolo.dataset.find import DEMO, demo_folder
from edgeyolo.dataset.read import Dataset
from edgeyolo.device.bundle import Bundle
from edgeyolo.device.detector import CONFIDENCE
from edgeyolo.flow.payoff import LATENCY_IMAGES
from edgeyolo.measure.comparison import Judged
from edgeyolo.measure.details import details
from edgeyolo.measure.environment import environment
from edgeyolo.measure.gallery import disagreements
from edgeyolo.measure.latency import LatencySamples, ratio

FORMAT, VERSION = "edgeyolo-quantization", 1
Row = dict[str, Any]


def quantization_file(
    found: Row,
    dataset: Dataset,
    bundles: tuple[Bundle, Bundle],
    judged: tuple[Judged, Judged],
    timed: dict[str, LatencySamples],
) -> Row:
    """What was ``found``, with both nets in the shape that they have in a run's files.

    Bundles and what they were judged by are fp32, int8; times are by precision.
    """
    engine, same = found["engine"], {"difference": 0.0, "ci": [0.0, 0.0]}
    lost = {"difference": found["val"]["difference"], "ci": found["val"]["difference_ci"]}
    nets = [
        _net(role, bundle, engine, own, versus)
        for role, bundle, own, versus in zip(
            ("before", "int8"), bundles, judged, (same, lost), strict=True
        )
    ]
    return {
        "format": FORMAT,
        "version": VERSION,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "edgeyolo": edgeyolo.__version__,
        **found,
        "bundle": Path(found["bundle"]).name,  # where it lies on this machine is nobody's business
        "data": _data(dataset, judged[0]),
        "nets": nets,
        "latency": {
            **found["latency"],
            "images": min(LATENCY_IMAGES, len(judged[0].samples)),
            "samples": _samples(timed),
        },
        "environment": environment(),
        "disagreements": _disagreements(nets, *judged),
    }


def _net(role: str, bundle: Bundle, engine: str, own: Judged, versus: Row) -> Row:
    net = bundle.provenance.get("net") or {}
    return {
        "role": role,
        "engine": engine,
        "precision": bundle.precision,
        "name": bundle.name,
        "imgsz": bundle.width,
        "strides": list(bundle.strides),
        "sha256": bundle.digest(engine),
        "parameters": net.get("parameters"),
        "gflops": net.get("gflops"),
        "file_size_bytes": bundle.size_bytes(engine),
        "spec": bundle.provenance.get("spec"),
        "accuracy": own.accuracy.to_dict(),
        "versus_before": versus,
        "details": details(bundle, own.samples, own.found, own.accuracy),
    }


def _disagreements(nets: list[Row], before: Judged, after: Judged) -> list[Row]:
    mine, theirs = map(_threshold, nets)
    return disagreements(before.samples, before.found, after.found, mine, theirs)


def _threshold(net: Row) -> float:
    """Best for the net; the usual one where none is."""
    best: float | None = net["details"]["operating"]["common"]["threshold"]
    return CONFIDENCE if best is None else best


def _data(dataset: Dataset, judged: Judged) -> Row:
    folder = dataset.path.parent
    return {
        "name": DEMO if folder == demo_folder().resolve() else folder.name,
        "fingerprint": dataset.fingerprint(),
        "split": "val",
        "classes": list(dataset.names),
        "images": judged.accuracy.images,
        "boxes": judged.accuracy.boxes,
    }


def _samples(timed: dict[str, LatencySamples]) -> list[Row]:
    """As in a run's latency.json."""
    first = next(iter(timed.values()))
    return [
        {
            "precision": precision,
            **sample.summary(),
            "ratio_to_first": ratio(sample, first),
            "samples": sample.to_dict(),
        }
        for precision, sample in timed.items()
    ]
