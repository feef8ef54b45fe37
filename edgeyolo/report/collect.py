"""report.json: everything that a run measured, in one self-contained value."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import edgeyolo
from edgeyolo.device.bundle import Bundle
from edgeyolo.files import read_json
from edgeyolo.jobs.events import all_events
from edgeyolo.runs import WIDE, Run

FORMAT = "edgeyolo-report"
VERSION = 1

TITLES = {
    "slim": "slim net",
    "baseline": "wide net",
    "smaller": "wide net",
}


def collect(run: Run) -> dict[str, Any]:
    """Join plan, accuracy, latency and bundles of a finished run."""
    plan, data = run.plan(), read_json(run.data_file)
    accuracy, latency = read_json(run.accuracy_file), read_json(run.latency_file)
    bundles = {"slim": run.bundle, "baseline": run.baseline_bundle, "smaller": run.smaller_bundle}
    opened = {role: Bundle.open(path) for role, path in bundles.items() if path.exists()}
    measured = {(row["role"], row["engine"]): row for row in accuracy["results"]}
    rows = [
        _row(opened[row["role"]], row, measured[row["role"], row["engine"]], plain=plan.plain)
        for row in latency["results"]
    ]
    first = measured["slim", plan.engines[0]]
    return {
        "format": FORMAT,
        "version": VERSION,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "edgeyolo": edgeyolo.__version__,
        "run": run.folder.name,
        "name": plan.spec.name,
        "data": {
            "name": opened["slim"].provenance["data"]["name"],
            "classes": data["names"],
            "splits": data["splits"],
            "fingerprint": data["fingerprint"],
            "split": accuracy["split"],
            "images": first["images"],
            "boxes": first["boxes"],
        },
        "recipe": plan.recipe.to_dict(),
        "environment": latency["environment"],
        "latency_images": latency["images"],
        "versions": opened["slim"].provenance["versions"],
        "rows": rows,
        "heads": read_json(run.heads_file),
        "kept_heads": list(plan.spec.heads),
        "knows_classes": read_json(run.wide_file)["knows_classes"],
        "training": _training(run),
        "pretraining": _pretraining(run),
    }


def _row(
    bundle: Bundle, latency: dict[str, Any], accuracy: dict[str, Any], *, plain: bool
) -> dict[str, Any]:
    role, engine = latency["role"], latency["engine"]
    samples = latency["samples"]
    return {
        "role": role,
        "title": "trained net" if plain else TITLES[role],
        "name": bundle.name,
        "imgsz": bundle.width,
        "engine": engine,
        "precision": bundle.precision,
        "parameters": bundle.provenance["net"]["parameters"],
        "gflops": bundle.provenance["net"]["gflops"],
        "file_size_bytes": bundle.size_bytes(engine),
        "accuracy": {k: v for k, v in accuracy.items() if k not in ("role", "engine", "details")},
        "details": accuracy.get("details"),  # runs of before have none
        "latency": {k: v for k, v in latency.items() if k not in ("role", "engine", "samples")},
        "samples_ms": {"engine_only": samples["engine_ms"], "end_to_end": samples["total_ms"]},
    }


def _inherited(path: Path) -> dict[str, Any]:
    """What came over from the wide net, and what the net found before any retraining."""
    stored = read_json(path)
    return {name: stored[name] for name in ("summary", "importance", "recall")}


def _pretraining(run: Run) -> dict[str, Any] | None:
    """How the backbone learned to classify before, if it did."""
    if not run.pretrain_file.is_file():
        return None
    stored: dict[str, Any] = read_json(run.pretrain_file)
    return {key: value for key, value in stored.items() if key != "tensors"}


def _training(run: Run) -> list[dict[str, Any]]:
    """Per training, in their order: seconds and the curve of each epoch."""
    folders = sorted(
        (folder for folder in (run.folder / "train").iterdir() if folder.is_dir()),
        # The nets on the way come before the last one, whose name theirs begin with.
        key=lambda folder: (folder.name != WIDE, "-step" not in folder.name, folder.name),
    )
    listed = []
    for folder in folders:
        events = all_events(folder)
        # After a loss of power one may have been trained, and told, twice.
        told = {event["epoch"]: event for event in events if event["event"] == "epoch"}
        epochs = [told[number] for number in sorted(told)]
        if not epochs:
            continue
        started = next((event for event in events if event["event"] == "started"), {})
        inherited = folder / "inherit.json"
        listed.append(
            {
                "name": folder.name,
                "device": started.get("device"),
                "seconds": round(sum(event["seconds"] for event in epochs), 1),
                "map50_95": [event["map50_95"] for event in epochs],
                "inherited": _inherited(inherited) if inherited.is_file() else None,
            }
        )
    return listed
