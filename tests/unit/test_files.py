"""Folders that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from edgeyolo.errors import EdgeyoloError
from edgeyolo.files import fail_clearly, new_folder, write_text


def _fill(place: Path, text: str, *, replace: bool = False, fail: bool = False) -> None:
    with new_folder(place, replace=replace) as work:
        (work / "file").write_text(text)
        if fail:
            raise RuntimeError


def test_a_new_folder_is_there_at_the_end(tmp_path: Path) -> None:
    _fill(tmp_path / "deep" / "out", "one")
    assert (tmp_path / "deep" / "out" / "file").read_text() == "one"


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        _fill(tmp_path / "deep" / "out", "one", fail=True)
    assert list(tmp_path.iterdir()) == []


def test_the_older_one_is_replaced_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    _fill(out, "one")
    (out / "more").touch()
    _fill(out, "two", replace=True)
    assert [path.name for path in out.iterdir()] == ["file"]
    assert (out / "file").read_text() == "two"
    assert list(tmp_path.iterdir()) == [out]


def test_the_older_one_stays_when_something_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also at the very last step."""
    out = tmp_path / "out"
    _fill(out, "one")
    with pytest.raises(RuntimeError):
        _fill(out, "two", replace=True, fail=True)
    real, calls = Path.replace, []

    def second_fails(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == 2:
            raise PermissionError
        return real(self, target)

    monkeypatch.setattr(Path, "replace", second_fails)
    with pytest.raises(PermissionError):
        _fill(out, "two", replace=True)
    assert (out / "file").read_text() == "one"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("number", "is_full"),
    [(errno.ENOSPC, True), (errno.EFBIG, True), (errno.EISDIR, False), (errno.EACCES, False)],
)
def test_only_a_full_disk_needs_space(number: int, is_full: bool) -> None:
    with pytest.raises(EdgeyoloError) as told, fail_clearly(Path("f.jpg")):
        raise OSError(number, os.strerror(number))
    assert ("Free some space" in told.value.hint) is is_full


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ETIMEDOUT])
def test_a_place_that_has_gone(number: int) -> None:
    """Only where no other file is opened, which could be the one that is missing."""
    error = OSError(number, os.strerror(number))
    with pytest.raises(EdgeyoloError), fail_clearly(Path("f.jpg"), or_gone=True):
        raise error
    with pytest.raises(type(error)), fail_clearly(Path("f.jpg")):
        raise error


def test_a_folder_that_goes_while_a_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: None)
    with pytest.raises(EdgeyoloError, match=r"x\.txt: no such file or directory"):
        write_text(tmp_path / "gone" / "x.txt", "x")
