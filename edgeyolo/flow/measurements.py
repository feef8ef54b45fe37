"""What is measured in a run: exported files, never checkpoints."""

from __future__ import annotations

from edgeyolo.dataset.check import Sample, load_split
from edgeyolo.device.bundle import Bundle
from edgeyolo.files import read_json, write_json
from edgeyolo.flow.data import data_name, dataset_of
from edgeyolo.flow.judging import judge_all
from edgeyolo.flow.timed import time_all
from edgeyolo.measure.latency import Subject
from edgeyolo.plan.plan import Plan, smaller_imgsz
from edgeyolo.progress import Progress
from edgeyolo.runs import Run

_LATENCY_IMAGES = 16


def export(run: Run, plan: Plan, progress: Progress) -> None:
    """Write the slim net for all engines, and the wide one as baseline at two sizes.

    Where nothing is made smaller, there is no baseline.
    """
    from edgeyolo.export.bundle import write_bundle
    from edgeyolo.slim.checkpoint import open_checkpoint, spec_of

    slim, wide = open_checkpoint(run.slim_checkpoint), open_checkpoint(run.wide_checkpoint)
    names = dataset_of(run).names
    facts = {
        "data": {"name": data_name(plan), "fingerprint": read_json(run.data_file)["fingerprint"]}
    }
    small = smaller_imgsz(spec_of(wide), plan.spec, len(names), plan.imgsz)
    jobs = [] if plan.plain else [(wide, plan.imgsz, plan.engines[:1], run.baseline_bundle)]
    if small and not plan.plain:
        jobs.append((wide, small, plan.engines[:1], run.smaller_bundle))
    jobs.append(
        (slim, plan.imgsz, plan.engines, run.bundle)
    )  # last: its being there ends the stage
    for index, (net, imgsz, engines, out) in enumerate(jobs):
        progress.step(index, len(jobs), f"{out.name}: {', '.join(engines)}")
        write_bundle(net, imgsz, engines, out, force=True, provenance=facts)


def entries(run: Run) -> list[tuple[str, Bundle, str]]:
    """Role, bundle and engine of everything that is measured."""
    slim = Bundle.open(run.bundle)
    rows = [("slim", slim, engine) for engine in slim.engines]
    for role, path in (("baseline", run.baseline_bundle), ("smaller", run.smaller_bundle)):
        if path.exists():
            bundle = Bundle.open(path)
            rows.append((role, bundle, bundle.default_engine))
    return rows


def _reference(plan: Plan) -> tuple[str, str]:
    """Role and engine of what all others are compared with."""
    return ("slim" if plan.plain else "baseline", plan.engines[0])


def measure_accuracy(run: Run, plan: Plan, progress: Progress) -> None:
    """mAP of every exported file, and its paired difference to the baseline."""
    samples: list[Sample] = load_split(dataset_of(run), "val")
    rows = {(role, engine): bundle for role, bundle, engine in entries(run)}
    judged = judge_all(
        [(bundle, engine) for (_, engine), bundle in rows.items()], samples, progress
    )
    by_row = dict(zip(rows, judged, strict=True))
    reference = by_row[_reference(plan)]
    listed = [
        {"role": role, "engine": engine, **one.row(reference)}
        for (role, engine), one in by_row.items()
    ]
    write_json(run.gallery_file, by_row["slim", plan.engines[0]].worst())
    write_json(run.accuracy_file, {"split": "val", "results": listed})


def measure_latency(run: Run, plan: Plan, progress: Progress) -> None:
    """Latency of every exported file, in turns."""
    images = dataset_of(run).images("val")
    chosen = images[:: max(1, len(images) // _LATENCY_IMAGES)][:_LATENCY_IMAGES]
    rows = entries(run)
    timed = time_all([Subject(bundle.root, engine) for _, bundle, engine in rows], chosen, progress)
    reference = [(role, engine) for role, _, engine in rows].index(_reference(plan))
    write_json(run.latency_file, timed.told([{"role": role} for role, _, _ in rows], reference))
