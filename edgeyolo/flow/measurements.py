"""What is measured in a run: exported files, never checkpoints."""

from __future__ import annotations

from edgeyolo.dataset.check import Sample, load_split
from edgeyolo.device.bundle import Bundle
from edgeyolo.files import read_json, write_json
from edgeyolo.flow.data import data_name, dataset_of
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
    from edgeyolo.measure.accuracy import detect, evaluate, paired_difference
    from edgeyolo.measure.details import details

    samples: list[Sample] = load_split(dataset_of(run), "val")
    rows, results, told = entries(run), {}, {}
    total = len(rows) * len(samples)
    for index, (role, bundle, engine) in enumerate(rows):

        def step(done: int, _: int, index: int = index, note: str = f"{role}, {engine}") -> None:
            progress.step(index * len(samples) + done, total, note)

        found = detect(bundle, samples, engine, progress=step)
        results[role, engine] = evaluate(samples, found, bundle.names)
        told[role, engine] = details(bundle, samples, found, results[role, engine])
    reference = results[_reference(plan)]
    listed = []
    for (role, engine), accuracy in results.items():
        difference, bounds = paired_difference(accuracy, reference)
        versus = {"difference": round(difference, 5), "ci": [round(b, 5) for b in bounds]}
        listed.append(
            {
                "role": role,
                "engine": engine,
                "versus_baseline": versus,
                **accuracy.to_dict(),
                "details": told[role, engine],
            }
        )
    write_json(run.accuracy_file, {"split": "val", "results": listed})


def measure_latency(run: Run, plan: Plan, progress: Progress) -> None:
    """Latency of every exported file, in turns."""
    from edgeyolo.measure.environment import environment
    from edgeyolo.measure.latency import Subject, measure, ratio

    images = dataset_of(run).images("val")
    chosen = images[:: max(1, len(images) // _LATENCY_IMAGES)][:_LATENCY_IMAGES]
    rows = entries(run)
    samples = measure(
        [Subject(bundle.root, engine) for _, bundle, engine in rows],
        chosen,
        progress=lambda done, total: progress.step(done, total, "taking turns"),
    )
    by_row = dict(zip([(role, engine) for role, _, engine in rows], samples, strict=True))
    reference = by_row[_reference(plan)]
    listed = [
        {
            "role": role,
            **sample.summary(),
            "ratio_to_baseline": ratio(sample, reference),
            "samples": sample.to_dict(),
        }
        for (role, _), sample in by_row.items()
    ]
    write_json(
        run.latency_file,
        {"images": len(chosen), "environment": environment(), "results": listed},
    )
