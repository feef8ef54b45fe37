"""A folder is known by one file, and each kind says when it is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeyolo.cli.job import FINISH
from edgeyolo.errors import UsageError
from edgeyolo.flow.kinds import KINDS, find, known
from edgeyolo.flow.listing import listed

RESULTS = {"run": "report.json", "search": "result.json", "study": "study.json"}


def _make(root: Path, kind: str) -> Path:
    folder = root / "runs" / kind
    folder.mkdir(parents=True)
    (folder / next(each.marker for each in KINDS if each.name == kind)).write_text("{}")
    return folder


@pytest.mark.parametrize("kind", RESULTS)
def test_found_by_its_folder_and_by_its_name(in_tmp: Path, kind: str) -> None:
    folder = _make(in_tmp, kind)
    for named in (folder, Path("runs") / kind, Path(kind)):
        work = find(named)
        assert work.kind.name == kind
        assert work.folder.resolve() == folder
    assert known(folder.parent) is None


@pytest.mark.parametrize("kind", RESULTS)
def test_done_when_its_result_is_there(in_tmp: Path, kind: str) -> None:
    folder = _make(in_tmp, kind)
    work = find(folder)
    assert not work.kind.is_done(folder)
    (folder / RESULTS[kind]).write_text("{}")
    assert work.kind.is_done(folder)
    (job,) = listed()
    assert (job.kind, job.state) == (kind, "finished")


def test_a_study_with_failures_is_not_done(in_tmp: Path) -> None:
    folder = _make(in_tmp, "study")
    (folder / "study.json").write_text("{}")
    (folder / "failures.json").write_text(json.dumps({"n": {"message": "No.", "hint": ""}}))
    assert not find(folder).kind.is_done(folder)


def test_every_kind_can_be_brought_to_its_end() -> None:
    assert {kind.name for kind in KINDS} == set(FINISH)


def test_nothing_there(in_tmp: Path) -> None:
    with pytest.raises(UsageError, match="no run at nowhere"):
        find(Path("nowhere"))
