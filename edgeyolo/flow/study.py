"""A study's queue: every training in a process of its own, then the comparison.

A training that fails, whatever the reason, leaves the others alone: its reason is kept, and it is
tried again when the study is taken up again. All state is on disk.
"""

from __future__ import annotations

from typing import Any

from edgeyolo.errors import EdgeyoloError, StoppedError
from edgeyolo.files import read_json, write_json, write_text
from edgeyolo.flow.attend import attend
from edgeyolo.flow.data import check_input, dataset_of
from edgeyolo.flow.study_results import measure_row, results
from edgeyolo.jobs.names import STOP
from edgeyolo.progress import Lines, Progress
from edgeyolo.studies.folder import Entry, Study


def execute_study(study: Study, progress: Progress) -> dict[str, Any]:
    """Do what is left of a study; return its comparison.

    Raises:
        StoppedError: when it was asked to stop.
        EdgeyoloError: at the end, when some of its rows failed; the others were compared.
    """
    with study.locked():
        if not study.is_done:
            study.result_file.unlink(missing_ok=True)  # of before, when less was trained
            _work(study, progress)
    if failures := study.failures():
        raise _failed(study, failures)
    result: dict[str, Any] = read_json(study.result_file)
    return result


def _work(study: Study, progress: Progress) -> None:
    entries = study.entries()
    total = len(entries) + 2
    progress.stage("Check the data", 1, total)
    if not study.data_file.exists():
        check_input(study.run("."), entries[0].plan, progress)
    dataset_of(study.run("."))  # refuses data that were changed since
    write_json(study.failures_file, {})
    for number, entry in enumerate(entries, start=2):
        progress.stage(f"Train {entry.name}", number, total)
        _take_up(study, entry, progress)
    progress.stage("Compare", total, total)
    _compare(study, entries, progress)


def _take_up(study: Study, entry: Entry, progress: Progress) -> None:
    """Train and measure an entry, or keep the reason why not."""
    try:
        _train(study, entry, progress)
        if entry.labels is not None and not study.measured_file(entry.name).exists():
            measure_row(study, entry, progress)
    except StoppedError as error:  # its hint is for one run
        hint = f"Go on with: edgeyolo resume {study.folder}"
        raise StoppedError(error.message, hint) from error
    except EdgeyoloError as error:
        progress.line(f"{entry.name} failed: {error.message}")
        reason = {"message": error.message, "hint": error.hint}
        write_json(study.failures_file, {**study.failures(), entry.name: reason})


def _train(study: Study, entry: Entry, progress: Progress) -> None:
    run = study.run(entry.name)
    if run.report_file.exists():
        return
    if entry.wide in study.failures():
        raise EdgeyoloError(f"The net that it is slimmed from, {entry.wide}, failed.")
    if not run.data_file.exists():  # looked at once for all
        write_json(run.data_file, read_json(study.data_file))
    attend(run.folder, Lines(progress))
    if (study.folder / STOP).exists():  # it had ended before it could stop
        raise StoppedError("Stopped; the training was at its end.")


def _compare(study: Study, entries: list[Entry], progress: Progress) -> None:
    from edgeyolo.report.study_csv import classes_csv, rows_csv
    from edgeyolo.report.study_html import render_study

    found = results(study, entries)
    progress.line(f"{len(found['rows'])} rows compared, {len(found['failed'])} failed.")
    write_text(study.table_file, rows_csv(found))
    write_text(study.classes_file, classes_csv(found))
    write_text(study.report_page, render_study(found))
    write_json(study.result_file, found)  # last: it says that the others are there


def _failed(study: Study, failures: dict[str, dict[str, str]]) -> EdgeyoloError:
    count, total = len(failures), len(study.entries())
    name, first = next(iter(failures.items()))
    return EdgeyoloError(
        f"{count} of {total} trainings failed; the first is {name}: {first['message']}",
        f"{first['hint']} ".lstrip() + f"Then try them again: edgeyolo resume {study.folder}",
    )
