"""A finished run as a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeyolo.device.bundle import Bundle
from edgeyolo.files import read_json
from edgeyolo.flow.collect.nets import device_row, net_row, timing_row
from edgeyolo.flow.command import command_of
from edgeyolo.flow.trainings import trainings_of
from edgeyolo.plan.plan import Plan
from edgeyolo.report.form import Report, Row, new_report
from edgeyolo.runs import Run

_TITLES = {"slim": "slim net", "baseline": "wide net", "smaller": "wide net"}


def collect_run(run: Run) -> Report:
    """Join plan, accuracy, latency and bundles of a run that has been measured."""
    plan = run.plan()
    accuracy, latency = read_json(run.accuracy_file), read_json(run.latency_file)
    bundles = {"slim": run.bundle, "baseline": run.baseline_bundle, "smaller": run.smaller_bundle}
    opened = {role: Bundle.open(path) for role, path in bundles.items() if path.exists()}
    titles = {**_TITLES, "slim": "trained net" if plan.plain else "slim net"}
    nets = {
        (row["role"], row["engine"]): net_row(
            opened[row["role"]],
            row,
            run=run.folder.name,
            role=row["role"],
            title=titles[row["role"]],
        )
        for row in accuracy["results"]
    }
    if plan.plain:  # nothing that it was compared with
        for net in nets.values():
            net["accuracy"]["versus_baseline"] = None
    device = device_row(latency["environment"], latency["images"])
    first = nets["slim", plan.engines[0]]
    return new_report(
        f"{plan.spec.name} on {opened['slim'].provenance['data']['name']}",
        data=data_of(run, opened["slim"], accuracy["split"], first["accuracy"]),
        nets=list(nets.values()),
        devices=[device],
        sittings=[{"device": device["id"], "states": latency.get("states", [])}],
        timings=[
            timing_row(nets[row["role"], row["engine"]]["id"], device["id"], row)
            for row in latency["results"]
        ],
        runs=[run_row(run, plan, opened["slim"])],
        gallery=gallery_of(run.gallery_file, first["id"]),
    )


def run_row(run: Run, plan: Plan, bundle: Bundle) -> Row:
    """What is known of a run besides its measurements."""
    wide = read_json(run.wide_file)
    return {
        "name": run.folder.name,
        "spec": plan.spec.name,
        "recipe": plan.recipe.to_dict(),
        "versions": bundle.provenance["versions"],
        "license": bundle.license,
        "command": command_of(run),
        "trainings": trainings_of(run),
        # The wide net of a search was not asked.
        "heads": read_json(run.heads_file) if run.heads_file.is_file() else None,
        "kept_heads": list(plan.spec.heads),
        "knows_classes": wide["knows_classes"],
        "pretraining": _pretraining(run),
    }


def data_of(run: Run, bundle: Bundle, split: str, accuracy: Row) -> Row:
    """What the nets were trained on, and judged by."""
    found = read_json(run.data_file)
    return {
        "name": bundle.provenance["data"]["name"],
        "classes": found["names"],
        "splits": found["splits"],
        "fingerprint": found["fingerprint"],
        "split": split,
        "images": accuracy["images"],
        "boxes": accuracy["boxes"],
        "statistics": found.get("statistics"),  # runs of before have none
    }


def gallery_of(file: Path, net: str) -> Row | None:
    """Images in which a net fails most."""
    return {"net": net, "worst": read_json(file)} if file.is_file() else None


def _pretraining(run: Run) -> dict[str, Any] | None:
    """How the backbone learned to classify before, if it did."""
    if not run.pretrain_file.is_file():
        return None
    stored: dict[str, Any] = read_json(run.pretrain_file)
    return {key: value for key, value in stored.items() if key != "tensors"}
