"""From a budget to one bundle: the proposed nets are trained in turn, measured, and one is chosen.

All state is on disk, so that a search can be taken up again where it was left.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeyolo.device.bundle import Bundle
from edgeyolo.errors import StoppedError, UsageError
from edgeyolo.files import read_json, write_json
from edgeyolo.flow.data import check_input, data_name, dataset_of
from edgeyolo.flow.measurements import export
from edgeyolo.flow.pretrain import pretrain
from edgeyolo.flow.quantize import Request, quantize
from edgeyolo.flow.rivals import ENDED, Rival, watch
from edgeyolo.flow.slim import execute
from edgeyolo.flow.slim_net import first_start, inherit_weights, last_training, retrain
from edgeyolo.flow.training import FellBehindError
from edgeyolo.flow.verdicts import measure_all
from edgeyolo.flow.wide_net import get_wide_net
from edgeyolo.jobs.events import all_events
from edgeyolo.plan.plan import smaller_imgsz
from edgeyolo.progress import Lines, Progress
from edgeyolo.runs import Run
from edgeyolo.searches import Contender, Search


def execute_search(search: Search, progress: Progress) -> dict[str, Any]:
    """Do what is left of a search; return its result.

    Raises:
        StoppedError: when it was asked to stop during a training.
        EdgeyoloError: when a step failed; what earlier ones made is kept.
    """
    with search.locked():
        if not search.result_file.exists():
            try:
                _work(search, progress)
            except StoppedError as error:  # its hint is for one run
                hint = f"Go on with: edgeyolo resume {search.folder}"
                raise StoppedError(error.message, hint) from error
    result: dict[str, Any] = read_json(search.result_file)
    return result


def _work(search: Search, progress: Progress) -> None:
    wide, contenders = search.wide, list(search.contenders())
    total = len(contenders) + 2
    progress.stage("Get the wide net", 1, total)
    _prepare_wide(wide, contenders, progress)
    rivals: list[Rival] = []
    for number, contender in enumerate(contenders, start=2):
        progress.stage(f"Train {contender.candidate.name}", number, total)
        rivals += _train(search, contender, rivals, progress)
    progress.stage("Measure and choose", total, total)
    result = measure_all(search, contenders, _outcomes(search), progress)
    if result["recommended"] is None and _take_up_again(search, contenders, progress):
        result = measure_all(search, contenders, _outcomes(search), progress)
    for contender in contenders:
        if contender.candidate.name == result["recommended"]:
            _report(contender.run, progress)
    _write_page(search, result)
    write_json(search.result_file, result)


def _write_page(search: Search, result: dict[str, Any]) -> None:
    """All nets of the search on one page."""
    from edgeyolo.flow.collect.search import collect_search
    from edgeyolo.report.write import write_report

    write_report(collect_search(search, result), search.folder)


def _take_up_again(search: Search, contenders: list[Contender], progress: Progress) -> bool:
    """Train those that were ended for others, now that none of these keeps to the budget."""
    ended = [c for c in contenders if _outcomes(search).get(c.candidate.name, "").startswith(ENDED)]
    for contender in ended:
        outcomes = _outcomes(search)
        progress.line(f"Going on with {contender.candidate.name}: no other keeps to the budget.")
        del outcomes[contender.candidate.name]
        write_json(search.outcomes_file, outcomes)
        _train(search, contender, [], progress)
    return bool(ended)


def _report(run: Run, progress: Progress) -> None:
    """The page of a single net, with the wide one at its size and at a smaller one beside it."""
    if not run.accuracy_file.exists():
        export(run, run.plan(), progress)
    execute(run, progress)


def _prepare_wide(wide: Run, contenders: list[Contender], progress: Progress) -> None:
    plan = wide.plan()
    with wide.locked():
        if not wide.data_file.exists():
            check_input(wide, plan, progress)
        if not wide.wide_checkpoint.exists():
            get_wide_net(wide, plan, progress)
        first = contenders[0].candidate
        if not wide.bundle.exists():
            _export(wide.wide_checkpoint, plan.imgsz, first.engine, wide, wide.bundle)
        # Same net, smaller image: what slimmer nets have to beat.
        classes = len(read_json(wide.data_file)["names"])
        small = smaller_imgsz(plan.spec, first.spec, classes, plan.imgsz, first.imgsz)
        if small and not wide.smaller_bundle.exists():
            _export(wide.wide_checkpoint, small, first.engine, wide, wide.smaller_bundle)


def _train(
    search: Search, contender: Contender, rivals: list[Rival], progress: Progress
) -> list[Rival]:
    """Train and export a net; what it is to those after it, if it may be recommended."""
    name, outcomes = contender.candidate.name, _outcomes(search)
    if name in outcomes:
        progress.line(f"Left as it was: {outcomes[name]}")
        return []
    try:
        with contender.run.locked():
            _train_alone(search, contender, rivals, progress)
    except (FellBehindError, UsageError) as error:  # as it would be each time
        progress.line(error.message)
        write_json(search.outcomes_file, {**outcomes, name: error.message})
        return []
    return _rival(contender)


def _rival(contender: Contender) -> list[Rival]:
    proposal, run = contender.proposal, contender.run
    if proposal["misses"]:
        return []
    events = [e for e in all_events(last_training(run, run.plan())) if e["event"] == "epoch"]
    best = {event["epoch"]: event["best"] for event in events}
    return [Rival(contender.candidate.name, proposal["chance"], best)]


def _train_alone(
    search: Search, contender: Contender, rivals: list[Rival], progress: Progress
) -> None:
    run, plan = contender.run, contender.run.plan()
    if not run.data_file.exists():
        write_json(run.data_file, read_json(search.wide.data_file))
    if not run.wide_checkpoint.exists():
        get_wide_net(run, plan, progress)
    if not first_start(run).exists():
        inherit_weights(run, plan, progress)
    if plan.pretrain and not run.pretrain_file.exists():
        pretrain(run, plan, progress)
    if not run.slim_checkpoint.exists():
        _, recipe = plan.steps(search.wide.plan().spec)[-1]
        judge = watch(contender.proposal["chance"], rivals, recipe.epochs)
        retrain(run, plan, progress, judge)
    if not run.bundle.exists():
        engine = contender.candidate.engine
        _export(run.slim_checkpoint, plan.imgsz, engine, run, run.bundle)
    if contender.candidate.precision == "int8" and not contender.quantized.exists():
        request = Request(contender.candidate.engine, seed=plan.recipe.seed)
        bundle = Bundle.open(run.bundle)
        lines = Lines(progress)  # its stages are no stages of the search
        quantize(bundle, dataset_of(run), request, contender.quantized, None, lines)


def _export(checkpoint: Path, imgsz: int, engine: str, run: Run, out: Path) -> None:
    from edgeyolo.export.bundle import write_bundle
    from edgeyolo.slim.checkpoint import open_checkpoint

    facts = {
        "data": {
            "name": data_name(run.plan()),
            "fingerprint": read_json(run.data_file)["fingerprint"],
        }
    }
    write_bundle(open_checkpoint(checkpoint), imgsz, (engine,), out, provenance=facts)


def _outcomes(search: Search) -> dict[str, str]:
    if not search.outcomes_file.exists():
        return {}
    outcomes: dict[str, str] = read_json(search.outcomes_file)
    return outcomes
