"""What a report is made of, by what the user names: folders and files of several kinds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgeyolo.errors import DataError, UsageError
from edgeyolo.export.bundle import QUANTIZATION
from edgeyolo.files import read_json
from edgeyolo.flow.collect.bench import collect_bench, is_bench
from edgeyolo.flow.collect.quantization import collect_quantization
from edgeyolo.flow.collect.run import collect_run
from edgeyolo.flow.collect.search import collect_search
from edgeyolo.flow.kinds import find
from edgeyolo.flow.quantization_file import FORMAT
from edgeyolo.report.form import Report, checked
from edgeyolo.runs import Run
from edgeyolo.searches import Search


def collect(named: Path) -> Report:
    """A run, a search, a bundle in int8, a report.json, or the answer of a bench.

    Raises:
        UsageError: when there is nothing of the kind, or it has not been measured yet.
        DataError: when a file is damaged or foreign.
    """
    if named.is_file():
        return _of_file(named)
    if (named / QUANTIZATION).is_file():
        return _of_file(named / QUANTIZATION)
    work = find(named)
    if work.kind.name == "study":
        raise UsageError(
            f"{named} is a study, which has a page of its own.", f"Open {work.folder}/report.html."
        )
    return _of_search(work.folder) if work.kind.name == "search" else _of_run(work.folder)


def _readable(path: Path, make: Callable[[], Report]) -> Report:
    try:
        return make()
    except (LookupError, TypeError, ValueError, AttributeError, OSError) as error:
        raise DataError(
            f"{path} is damaged, or of another edgeyolo ({type(error).__name__}: {error}).",
            "Make it again.",
        ) from error


def _not_measured(folder: Path) -> UsageError:
    return UsageError(
        f"{folder} has not been measured yet.", f"Bring it to its end: edgeyolo resume {folder}"
    )


def _of_run(folder: Path) -> Report:
    run = Run(folder)
    if not (run.accuracy_file.is_file() and run.latency_file.is_file()):
        raise _not_measured(folder)
    return _readable(folder, lambda: collect_run(run))


def _of_search(folder: Path) -> Report:
    search = Search(folder)
    if not search.result_file.is_file():
        raise _not_measured(folder)
    if not search.accuracy_file.is_file():
        raise UsageError(
            f"{folder} was measured by an older edgeyolo.",
            f"Remove its result.json and measure again: edgeyolo resume {folder}",
        )
    return _readable(folder, lambda: collect_search(search, read_json(search.result_file)))


def _of_file(path: Path) -> Report:
    try:
        found = read_json(path)
    except (ValueError, RecursionError, OSError) as error:
        raise DataError(f"{path} is not readable JSON.", "Name a report, or a bench.") from error
    if isinstance(found, dict) and found.get("format") == FORMAT:
        return _readable(path, lambda: collect_quantization(found))
    if is_bench(found):
        return collect_bench(found, str(path))
    return checked(found, str(path))
