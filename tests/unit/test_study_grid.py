"""From levels to rows: their number, order and names."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeyolo.errors import UsageError
from edgeyolo.studies.grid import Cell, expand
from edgeyolo.studies.schema import read_study

pytest.importorskip("ultralytics")

DEFAULTS = {"batch": 16, "freeze": None, "imgsz": 320, "seed": 0}


def cells(tmp_path: Path, text: str) -> list[Cell]:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    return expand(read_study(path), DEFAULTS)


def names(tmp_path: Path, text: str) -> list[str]:
    return [cell.name for cell in cells(tmp_path, text)]


def test_every_combination_once_the_seed_changing_first(tmp_path: Path) -> None:
    text = "grid: {size: [n, s], batch: [8, auto], freeze: [none, 10], seed: [0, 1]}"
    found = names(tmp_path, text)
    assert found[:5] == [
        "n-b8-320-s0",
        "n-b8-320-s1",
        "n-b8-f10-320-s0",
        "n-b8-f10-320-s1",
        "n-bauto-320-s0",
    ]
    assert len(set(found)) == len(found) == 16


def test_a_size_and_a_spec_stand_beside_each_other(tmp_path: Path) -> None:
    text = "grid: {spec: w0.125-d0.33-P3P4-r8, size: n, freeze: backbone, imgsz: [64, 96]}"
    assert names(tmp_path, text) == [
        "n-b16-fbackbone-64-s0",
        "n-b16-fbackbone-96-s0",
        "w0.125-d0.33-P3P4-r8-b16-fbackbone-64-s0",
        "w0.125-d0.33-P3P4-r8-b16-fbackbone-96-s0",
    ]


def test_levels_are_plain_values(tmp_path: Path) -> None:
    first, *_, last = cells(tmp_path, "grid: {size: n, batch: [auto, 8], freeze: [none, 10]}")
    plain = {"net": "n", "imgsz": 320, "seed": 0}
    assert first.labels() == {**plain, "batch": "auto", "freeze": "none"}
    assert last.labels() == {**plain, "batch": 8, "freeze": "10"}


def test_exclude_takes_out_all_that_it_matches(tmp_path: Path) -> None:
    text = "grid: {size: [n, s], batch: [8, 16], seed: [0, 1]}\nexclude: [{size: s, batch: 16}]"
    found = names(tmp_path, text)
    assert len(found) == 6
    assert not [name for name in found if name.startswith("s-b16")]


def test_include_takes_the_first_level_where_it_names_none(tmp_path: Path) -> None:
    text = "grid: {size: [n, s], batch: [8, 16]}\ninclude: [{size: m}, {batch: 32, seed: 5}]"
    assert names(tmp_path, text)[4:] == ["m-b8-320-s0", "n-b32-320-s5"]


def test_include_may_bring_back_what_exclude_took(tmp_path: Path) -> None:
    text = "grid: {size: [n, s]}\nexclude: [{size: s}]\ninclude: [{size: s}]"
    assert names(tmp_path, text) == ["n-b16-320-s0", "s-b16-320-s0"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exclude: [{size: n}, {size: m}]", "exclude[1] is no combination"),
        ("exclude: [{size: n}, {size: s}]", "exclude leaves nothing"),
        ("include: [{size: s}]", "include[0] is there already, as s-b16-320-s0"),
        ("include: [{size: m}, {size: m}]", "include[1] is there already"),
    ],
)
def test_what_changes_nothing_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        cells(tmp_path, f"grid: {{size: [n, s]}}\n{text}")
    assert said in str(caught.value)
    assert "study.yaml" in str(caught.value)
