"""``tools/arm_compare.py`` tells same from different, ``arm_check.sh`` says what it lacks."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edgeyolo.dataset.check import load_split
from edgeyolo.dataset.read import read_dataset
from tests.conftest import ROOT
from tools.arm_compare import Comparison, compare, copy, table

_BOX = [10.0, 10.0, 110.0, 110.0]


def _seen(score: float = 0.8, shift: float = 0.0, class_id: int = 0) -> dict[str, Any]:
    box = [value + shift for value in _BOX]
    return {"xyxy": box, "score": score, "class_id": class_id, "class_name": "cell"}


def _write(
    place: Path, frames: list[list[dict[str, Any]]], accuracy: float = 0.5, name: str = "ncnn-fp32"
) -> None:
    place.mkdir(parents=True)
    lines = [json.dumps({"frame": i, "detections": f}) for i, f in enumerate(frames)]
    (place / f"{name}.run").write_text("\n".join(lines) + "\n")
    (place / f"{name}.val").write_text(json.dumps({"map50_95": accuracy}))
    (place / f"{name}.seconds").write_text("7 8\n")


def _compared(
    folder: Path, found: list[dict[str, Any]], accuracy: float = 0.5, name: str = "ncnn-fp32"
) -> Comparison:
    """Against one object in the first of two frames."""
    _write(folder / "x86-64", [[_seen()], []], name=name)
    _write(folder / "bookworm-cortex-a72", [found, []], accuracy, name)
    (only,) = compare(folder)
    return only


def test_what_rounding_does_agrees(tmp_path: Path) -> None:
    found = _compared(tmp_path, [_seen(0.795, shift=0.1)])
    assert found.agrees and (found.same, found.near, found.detections) == (1, 1, 1)
    assert found.largest_score_difference == 0.005 and 0.99 < found.lowest_iou < 1
    assert (found.run_s, found.val_s) == (7, 8)


DIFFERENT = [
    [_seen(0.74)],  # another score
    [_seen(shift=5)],  # another place
    [_seen(class_id=1)],  # another class
    [],  # not found
    [_seen(), _seen(shift=300)],  # one too many
]


@pytest.mark.parametrize("found", [*DIFFERENT, [_seen(0.785)], [_seen(shift=1)]])
def test_what_rounding_does_not_do_differs(tmp_path: Path, found: list[dict[str, Any]]) -> None:
    compared = _compared(tmp_path, found)
    assert not compared.agrees and compared.differences
    assert "DIFFERS" in table([compared])


@pytest.mark.parametrize("found", [[_seen(0.785)], [_seen(shift=1)]])
def test_int8_may_differ_more(tmp_path: Path, found: list[dict[str, Any]]) -> None:
    compared = _compared(tmp_path, found, name="ncnn-int8")
    assert compared.agrees and (compared.same, compared.near) == (0, 1)


@pytest.mark.parametrize("found", DIFFERENT)
def test_int8_may_not_differ_by_any_amount(tmp_path: Path, found: list[dict[str, Any]]) -> None:
    assert not _compared(tmp_path, found, name="ncnn-int8").agrees


def test_fp16_arithmetic_is_ncnns_alone(tmp_path: Path) -> None:
    for name in ("ncnn-fp32", "onnxruntime-fp32"):
        _write(tmp_path / name / "x86-64", [[_seen()]], name=name)
        _write(tmp_path / name / "trixie-cortex-a76", [[_seen(0.785)]], name=name)
        assert compare(tmp_path / name)[0].agrees == name.startswith("ncnn")


def test_nothing_found_proves_nothing(tmp_path: Path) -> None:
    _write(tmp_path / "x86-64", [[]])
    _write(tmp_path / "bookworm-cortex-a72", [[]])
    assert not compare(tmp_path)[0].agrees


def test_at_the_threshold_a_hair_decides(tmp_path: Path) -> None:
    found = _compared(tmp_path, [_seen(), _seen(0.2504, shift=300)])
    assert found.agrees and found.edge == 1


def test_another_map_differs(tmp_path: Path) -> None:
    assert not _compared(tmp_path, [_seen()], accuracy=0.48).agrees


def test_frames_must_be_as_many(tmp_path: Path) -> None:
    _write(tmp_path / "x86-64", [[_seen()], []])
    _write(tmp_path / "bookworm-cortex-a72", [[_seen()]])
    with pytest.raises(ValueError, match="shorter"):
        compare(tmp_path)


def test_copies_are_a_data_set(tmp_path: Path, small_demo: Path) -> None:
    copy(small_demo, tmp_path / "few", 3)
    few, all_of_it = read_dataset(tmp_path / "few"), read_dataset(small_demo)
    assert few.names == all_of_it.names
    for one, other in zip(load_split(few, "val"), load_split(all_of_it, "val")[:3], strict=True):
        assert one.image.name == other.image.name and (one.boxes == other.boxes).all()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--cpu", "pentium"], "pentium is not known here; use cortex-a72 or cortex-a76."),
        (["--data", "nowhere.yaml"], "nowhere.yaml is not there; name a data set with --data."),
        (["--work"], "--work needs a value."),
        (["--wrok", "x"], "There is no option --wrok."),
    ],
)
def test_the_script_says_what_is_wrong(arguments: list[str], sentence: str) -> None:
    done = subprocess.run(
        ["bash", ROOT / "tools/arm_check.sh", *arguments], capture_output=True, text=True
    )
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == f"arm_check: {sentence}"
