"""From a plan to a measured bundle and its report, in stages that can be taken up again.

A stage is done when its file is there; ``execute`` does those that are not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeyolo.dataset.check import Sample, load_split
from edgeyolo.dataset.find import DEMO, DataChoice
from edgeyolo.dataset.read import Dataset, read_dataset
from edgeyolo.device.bundle import Bundle
from edgeyolo.errors import DataError
from edgeyolo.files import fail_clearly, read_json, write_json
from edgeyolo.flow.training import train
from edgeyolo.plan.plan import Plan, smaller_imgsz
from edgeyolo.progress import Progress
from edgeyolo.runs import WIDE, Run
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.train.folder import START
from edgeyolo.train.recipe import Job

_LATENCY_IMAGES = 16


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the job, the file that shows it is done, and the function that does it."""

    name: str
    result: Callable[[Run], Path]
    work: Callable[[Run, Plan, Progress], None]


def execute(run: Run, progress: Progress) -> dict[str, Any]:
    """Do what is left of a run; return its report.

    Raises:
        StoppedError: when it was asked to stop during a training.
        EdgeyoloError: when a stage failed; what earlier ones made is kept.
    """
    plan = run.plan()
    for number, stage in enumerate(STAGES, start=1):
        if not stage.result(run).exists():
            progress.stage(stage.name, number, len(STAGES))
            stage.work(run, plan, progress)
    report: dict[str, Any] = read_json(run.report_file)
    return report


def _check_data(run: Run, plan: Plan, progress: Progress) -> None:
    choice = DataChoice(DEMO if plan.is_demo else plan.data, plan.data_origin)
    dataset = choice.open(lambda done, total: progress.step(done, total, "drawing images"))
    counts = {}
    for split in ("train", "val"):
        samples = load_split(dataset, split)
        counts[split] = {"images": len(samples), "boxes": sum(len(s.boxes) for s in samples)}
    progress.line(
        f"{len(dataset.names)} classes; "
        + "; ".join(f"{s}: {c['images']} images, {c['boxes']} boxes" for s, c in counts.items())
    )
    write_json(
        run.data_file,
        {
            "path": str(dataset.path),
            "names": list(dataset.names),
            "splits": counts,
            "fingerprint": dataset.fingerprint(),
        },
    )


def dataset_of(run: Run) -> Dataset:
    """The data set of a run.

    Raises:
        DataError: when it was changed since the run began.
    """
    stored = read_json(run.data_file)
    dataset = read_dataset(Path(stored["path"]))
    if dataset.fingerprint() != stored["fingerprint"]:
        raise DataError(
            f"The data set {dataset.path} was changed since this run began.",
            "Put it back, or start a new run.",
        )
    return dataset


def _get_wide_net(run: Run, plan: Plan, progress: Progress) -> None:
    """Take the starting net as it is if it knows the data's classes, else train it on them."""
    from edgeyolo.slim.checkpoint import names_of, open_checkpoint, save_checkpoint, spec_of
    from edgeyolo.slim.inherit import inherit
    from edgeyolo.slim.net import build

    dataset = dataset_of(run)
    source = open_checkpoint(Path(plan.source)) if plan.source else None
    if source is not None and names_of(source) == dataset.names:
        progress.line(f"Starting from {plan.source}, which knows these classes.")
        save_checkpoint(source, run.wide_checkpoint)
        return
    folder = run.training(WIDE)
    if not (folder / START).exists():
        if source is None:
            net = build(SlimSpec(), dataset.names)
            progress.line(
                "No starting weights: YOLOv8n is trained from scratch first, as source and "
                f"baseline ({plan.wide_epochs} epochs). It takes longer and learns less than with "
                "--from yolov8n.pt."
            )
        else:
            net, _ = inherit(source, spec_of(source), dataset.names)
            progress.line(
                f"{plan.source} knows other classes: it is fine-tuned on these first "
                f"({plan.wide_epochs} epochs)."
            )
        save_checkpoint(net, folder / START)
    Job(str(dataset.path), plan.wide_recipe).save(folder)
    train(run, WIDE, run.wide_checkpoint, progress)


def _inherit_weights(run: Run, plan: Plan, progress: Progress) -> None:
    from edgeyolo.slim.checkpoint import names_of, open_checkpoint, save_checkpoint
    from edgeyolo.slim.inherit import inherit, summary

    wide = open_checkpoint(run.wide_checkpoint)
    net, fates = inherit(wide, plan.spec, names_of(wide))
    counts = summary(fates)
    progress.line("Tensors: " + ", ".join(f"{count} {fate}" for fate, count in counts.items()))
    folder = _slim_folder(run)
    write_json(
        folder / "inherit.json",
        {
            "summary": counts,
            "tensors": [
                {"name": f.name, "shape": f.shape, "source_shape": f.source_shape, "fate": f.fate}
                for f in fates
            ],
        },
    )
    save_checkpoint(net, folder / START)


def _slim_folder(run: Run) -> Path:
    return run.training(run.plan().candidates()[0].name)


def _retrain(run: Run, plan: Plan, progress: Progress) -> None:
    folder = _slim_folder(run)
    Job(str(dataset_of(run).path), plan.recipe).save(folder)
    train(run, folder.name, run.slim_checkpoint, progress)


def _export(run: Run, plan: Plan, progress: Progress) -> None:
    from edgeyolo.export.bundle import write_bundle
    from edgeyolo.slim.checkpoint import open_checkpoint, spec_of

    slim, wide = open_checkpoint(run.slim_checkpoint), open_checkpoint(run.wide_checkpoint)
    names = dataset_of(run).names
    facts = {
        "data": {"name": _data_name(plan), "fingerprint": read_json(run.data_file)["fingerprint"]}
    }
    small = smaller_imgsz(spec_of(wide), plan.spec, len(names), plan.imgsz)
    jobs = [(wide, plan.imgsz, plan.engines[:1], run.baseline_bundle)]
    if small:
        jobs.append((wide, small, plan.engines[:1], run.smaller_bundle))
    jobs.append(
        (slim, plan.imgsz, plan.engines, run.bundle)
    )  # last: its being there ends the stage
    for index, (net, imgsz, engines, out) in enumerate(jobs):
        progress.step(index, len(jobs), f"{out.name}: {', '.join(engines)}")
        write_bundle(net, imgsz, engines, out, force=True, provenance=facts)


def _data_name(plan: Plan) -> str:
    """Name of the data set without the path, which is nobody's business on a board."""
    return "demo" if plan.is_demo else Path(plan.data).absolute().parent.name


def entries(run: Run) -> list[tuple[str, Bundle, str]]:
    """Role, bundle and engine of everything that is measured."""
    slim = Bundle.open(run.bundle)
    rows = [("slim", slim, engine) for engine in slim.engines]
    for role, path in (("baseline", run.baseline_bundle), ("smaller", run.smaller_bundle)):
        if path.exists():
            bundle = Bundle.open(path)
            rows.append((role, bundle, bundle.default_engine))
    return rows


def _measure_accuracy(run: Run, plan: Plan, progress: Progress) -> None:
    from edgeyolo.measure.accuracy import evaluate_bundle, paired_difference

    samples: list[Sample] = load_split(dataset_of(run), "val")
    rows, results = entries(run), {}
    total = len(rows) * len(samples)
    for index, (role, bundle, engine) in enumerate(rows):

        def step(done: int, _: int, index: int = index, note: str = f"{role}, {engine}") -> None:
            progress.step(index * len(samples) + done, total, note)

        results[role, engine] = evaluate_bundle(bundle, samples, engine, progress=step)
    reference = results["baseline", plan.engines[0]]
    listed = []
    for (role, engine), accuracy in results.items():
        difference, bounds = paired_difference(accuracy, reference)
        versus = {"difference": round(difference, 5), "ci": [round(b, 5) for b in bounds]}
        listed.append(
            {"role": role, "engine": engine, "versus_baseline": versus, **accuracy.to_dict()}
        )
    write_json(run.accuracy_file, {"split": "val", "results": listed})


def _measure_latency(run: Run, plan: Plan, progress: Progress) -> None:
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
    reference = by_row["baseline", plan.engines[0]]
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


def _report(run: Run, plan: Plan, progress: Progress) -> None:
    from edgeyolo.report.collect import collect
    from edgeyolo.report.html import render

    report = collect(run)
    with fail_clearly(run.report_page):
        run.report_page.write_text(render(report), encoding="utf-8")
    write_json(run.report_file, report)


STAGES = (
    Stage("Check the data", lambda run: run.data_file, _check_data),
    Stage("Get the wide net", lambda run: run.wide_checkpoint, _get_wide_net),
    Stage("Inherit weights", lambda run: _slim_folder(run) / START, _inherit_weights),
    Stage("Retrain the slim net", lambda run: run.slim_checkpoint, _retrain),
    Stage("Export", lambda run: run.bundle, _export),
    Stage("Measure accuracy", lambda run: run.accuracy_file, _measure_accuracy),
    Stage("Measure latency", lambda run: run.latency_file, _measure_latency),
    Stage("Report", lambda run: run.report_file, _report),
)
