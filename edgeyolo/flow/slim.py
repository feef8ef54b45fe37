"""From a plan to a measured bundle and its report, in stages that can be taken up again.

A stage is done when its file is there; ``execute`` does those that are not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeyolo.files import read_json
from edgeyolo.flow.data import check_input
from edgeyolo.flow.measurements import export, measure_accuracy, measure_latency
from edgeyolo.flow.pretrain import check_image_folder, pretrain
from edgeyolo.flow.slim_net import first_start, inherit_weights, retrain
from edgeyolo.flow.wide_net import get_wide_net
from edgeyolo.plan.plan import Plan
from edgeyolo.progress import Progress
from edgeyolo.runs import Run


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
    with run.locked():
        plan = run.plan()
        stages = stages_of(plan)
        for number, stage in enumerate(stages, start=1):
            if not stage.result(run).exists():
                progress.stage(stage.name, number, len(stages))
                stage.work(run, plan, progress)
    report: dict[str, Any] = read_json(run.report_file)
    return report


def _report(run: Run, plan: Plan, progress: Progress) -> None:
    from edgeyolo.flow.collect.run import collect_run
    from edgeyolo.report.write import write_report

    write_report(collect_run(run), run.folder)


def stages_of(plan: Plan) -> tuple[Stage, ...]:
    """What a run does, in order."""
    return tuple(stage for stage in _STAGES if plan.pretrain or stage is not _PRETRAIN)


def _check(run: Run, plan: Plan, progress: Progress) -> None:
    if plan.pretrain:
        check_image_folder(run, plan, progress)
    check_input(run, plan, progress)


_PRETRAIN = Stage("Pretrain the backbone", lambda run: run.pretrain_file, pretrain)
_STAGES = (
    Stage("Check the data", lambda run: run.data_file, _check),
    Stage("Get the wide net", lambda run: run.wide_checkpoint, get_wide_net),
    Stage("Inherit weights", first_start, inherit_weights),
    _PRETRAIN,
    Stage("Retrain the slim net", lambda run: run.slim_checkpoint, retrain),
    Stage("Export", lambda run: run.bundle, export),
    Stage("Measure accuracy", lambda run: run.accuracy_file, measure_accuracy),
    Stage("Measure latency", lambda run: run.latency_file, measure_latency),
    Stage("Report", lambda run: run.report_file, _report),
)
