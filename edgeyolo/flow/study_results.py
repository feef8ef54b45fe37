"""What the rows of a study are compared by: measured on val, paired over its images."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import edgeyolo
from edgeyolo.dataset.check import load_split
from edgeyolo.device.bundle import Bundle
from edgeyolo.files import read_json, write_json
from edgeyolo.flow.data import data_name, dataset_of
from edgeyolo.measure.accuracy import evaluate_bundle
from edgeyolo.measure.bootstrap import paired
from edgeyolo.measure.environment import environment
from edgeyolo.measure.operating import operating_points
from edgeyolo.progress import Progress
from edgeyolo.studies.folder import Entry, Study
from edgeyolo.studies.grid import FACTORS

FORMAT, VERSION = "edgeyolo-study", 1
SPLIT = "val"
Row = dict[str, Any]


def measure_row(study: Study, entry: Entry, progress: Progress) -> None:
    """What the exported file of a row finds on val, and its mAP in each of the paired draws."""
    samples = load_split(dataset_of(study.run(".")), SPLIT)
    bundle = Bundle.open(study.run(entry.name).bundle)

    def step(done: int, total: int) -> None:
        progress.step(done, total, f"{entry.name} on {SPLIT}")

    accuracy = evaluate_bundle(bundle, samples, progress=step)
    figures = accuracy.to_dict()
    content = {
        "draws": figures.pop("draws"),
        "accuracy": figures,
        "operating": operating_points(accuracy),
        "map50_95": accuracy.map50_95,
    }
    write_json(study.measured_file(entry.name), content)


def results(study: Study, entries: list[Entry]) -> dict[str, Any]:
    """``study.json``: all rows that were measured, those that failed, and the wide nets."""
    failures = study.failures()
    done = [entry for entry in entries if entry.name not in failures]
    measured = {e.name: read_json(study.measured_file(e.name)) for e in done if e.labels}
    best = max(measured, key=lambda name: measured[name]["map50_95"], default=None)
    rows = [_row(study, entry, measured, best) for entry in done if entry.labels]
    plan = entries[0].plan
    data = read_json(study.data_file)
    return {
        "format": FORMAT,
        "version": VERSION,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "edgeyolo": edgeyolo.__version__,
        "name": study.folder.name,
        "data": {
            "name": data_name(plan),
            "fingerprint": data["fingerprint"],
            "classes": data["names"],
            "split": SPLIT,
            **data["splits"][SPLIT],
        },
        "engine": plan.engines[0],
        "environment": environment(),
        "recipe": _common(plan.recipe.to_dict()),
        "factors": _levels(entries),
        "rows": rows,
        "wide": [_wide(study, entry, entries) for entry in done if not entry.labels],
        "failed": [_failure(entry, failures) for entry in entries if entry.name in failures],
        "best": best,
    }


def _row(study: Study, entry: Entry, measured: dict[str, Any], best: str | None) -> Row:
    mine = measured[entry.name]
    report = read_json(study.run(entry.name).report_file)
    net = _slim(report)
    latency = next(t for t in report["timings"] if t["net"] == net["id"])
    trainings = report["runs"][0]["trainings"]
    training = (trainings or [{"map50_95": [], "device": None}])[-1]
    return {
        "name": entry.name,
        **(entry.labels or {}),
        "start": entry.start,
        "spec": net["name"],
        "parameters": net["parameters"],
        "gflops": net["gflops"],
        "file_size_bytes": net["file_size_bytes"],
        "training_seconds": _seconds(report),
        "epochs": len(training["map50_95"]),
        "device": training["device"],
        "latency_ms": {key: latency["end_to_end_ms"][key] for key in ("p50", "p90")},
        "latency_verdict": latency["verdict"],
        "accuracy": mine["accuracy"],
        "operating": mine["operating"],
        "versus_best": _difference(mine, measured[best]) if best else None,
        "report": f"{entry.name}/report.html",
    }


def _difference(mine: Row, best: Row) -> Row:
    """Paired: the same images are drawn for both."""
    point, bounds = paired(mine["draws"], mine["map50_95"], best["draws"], best["map50_95"])
    return {"difference": round(point, 5), "ci": [round(bound, 5) for bound in bounds]}


def _wide(study: Study, entry: Entry, entries: list[Entry]) -> Row:
    report = read_json(study.run(entry.name).report_file)
    net = _slim(report)
    return {
        "name": entry.name,
        "start": entry.start,
        "spec": net["name"],
        "imgsz": net["imgsz"],
        "parameters": net["parameters"],
        "training_seconds": _seconds(report),
        "map50_95": net["accuracy"]["map50_95"],
        "map50_95_ci": net["accuracy"]["map50_95_ci"],
        "rows": [each.name for each in entries if each.wide == entry.name],
    }


def _slim(report: Row) -> Row:
    """What came of a run, in its first engine."""
    net: Row = next(net for net in report["nets"] if net["role"] == "slim")
    return net


def _failure(entry: Entry, failures: dict[str, dict[str, str]]) -> Row:
    return {"name": entry.name, **(entry.labels or {}), **failures[entry.name]}


def _seconds(report: Row) -> float:
    """Of all trainings of a run, validation included, and of its backbone's before."""
    run = report["runs"][0]
    trainings = [*run["trainings"], *filter(None, [run["pretraining"]])]
    return round(sum(float(training["seconds"]) for training in trainings), 1)


def _common(recipe: Row) -> Row:
    """What all rows share of the recipe."""
    return {key: value for key, value in recipe.items() if key not in FACTORS}


def _levels(entries: list[Entry]) -> dict[str, list[Any]]:
    """Levels of each factor in the order in which they come."""
    labels = [entry.labels for entry in entries if entry.labels]
    return {factor: list(dict.fromkeys(each[factor] for each in labels)) for factor in FACTORS}
