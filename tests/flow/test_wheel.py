"""A wheel built from this tree, in an empty environment, with what a board installs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


def uv(*arguments: object, cwd: Path = ROOT) -> str:
    command = os.environ.get("UV") or shutil.which("uv")
    assert command, "uv is needed: python3 -m pip install uv"
    done = subprocess.run(
        [command, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an environment with the base, one engine and OpenCV without a desktop."""
    work = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--out-dir", work)
    wheel = next(work.glob("*.whl"))
    uv("venv", "--python", sys.executable, work / "board")
    python = work / "board" / "bin" / "python"
    uv("pip", "install", "--python", python, f"edgeyolo[onnxruntime,headless] @ {wheel.as_uri()}")
    return work / "board"


def run(board: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(board / "bin" / "edgeyolo"), *map(str, arguments)],
        cwd=board,
        capture_output=True,
        text=True,
        check=False,
    )


def test_only_the_board_is_installed(board: Path) -> None:
    listed = uv("pip", "list", "--python", board / "bin" / "python", "--format", "json")
    names = {entry["name"] for entry in json.loads(listed)}
    assert {"edgeyolo", "onnxruntime", "opencv-python-headless", "numpy", "click"} <= names
    assert not {"torch", "ultralytics", "opencv-python", "textual", "matplotlib"} & names


def test_detects_on_the_board(board: Path, slim_bundle: Path, small_demo: Path) -> None:
    image = next((small_demo.parent / "images/val").iterdir())
    done = run(board, "run", slim_bundle, "--source", image, "--json", "--engine", "onnxruntime")
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)) == ["frame", "time_s", "detections"]


def test_profiles_are_in_the_wheel(board: Path) -> None:
    done = run(board, "profiles", "--json")
    assert done.returncode == 0, done.stderr
    assert "raspberry-pi-5" in done.stdout
    assert not list(board.rglob("demo-yolov8n.pt")), "the demo's weights are not for boards"


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("slim", "--data", "demo"), "workshop"),
        (("export", "{weights}", "--out", "out"), "workshop"),
        (("export", "{weights}", "--data", "{data}", "--out", "out"), "workshop"),
        (("quantize", "{weights}", "--data", "{data}", "--out", "out"), "workshop"),
        (("quantize", "{bundle}", "--data", "{data}", "--out", "out"), "workshop"),
        (("val", "{bundle}", "--data", "{data}"), "val"),
        (("bench", "{bundle}", "--engine", "ncnn"), "ncnn"),
    ],
)
def test_what_is_missing_ends_in_the_install_line(
    arguments: tuple[str, ...],
    extra: str,
    board: Path,
    slim_bundle: Path,
    small_demo: Path,
    tmp_path: Path,
) -> None:
    from edgeyolo.dataset.read import read_dataset
    from edgeyolo.export.bundle import write_bundle
    from edgeyolo.slim.checkpoint import save_checkpoint
    from edgeyolo.slim.net import build
    from edgeyolo.slim.spec import SlimSpec

    net = build(SlimSpec(width=0.125), read_dataset(small_demo).names)
    places = {
        "weights": tmp_path / "net.pt",
        "bundle": tmp_path / "bundle",
        "data": small_demo,
    }
    save_checkpoint(net, places["weights"])
    write_bundle(net, 64, ("onnxruntime", "ncnn"), places["bundle"])
    done = run(board, *(word.format(**places) for word in arguments))
    assert done.returncode == 3, done.stderr
    assert f'python3 -m pip install "edgeyolo[{extra}]"' in done.stderr
