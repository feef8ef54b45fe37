"""``edgeyolo run`` as a user runs it: outputs, exit codes, and nothing but data on stdout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

import cv2

from edgeyolo.cli.main import main
from edgeyolo.device.detections import Detections
from edgeyolo.device.draw import draw

Done = subprocess.CompletedProcess[str]
EDGEYOLO = [sys.executable, "-c", "from edgeyolo.cli.main import main; main()"]
KEYS = ["frame", "time_s", "detections"]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One image, a folder of three, a video of five frames at 10 fps."""
    root = tmp_path_factory.mktemp("media")
    image = np.full((48, 64, 3), 90, np.uint8)
    (root / "folder").mkdir()
    for name in ("photo.png", "folder/b.JPG", "folder/a.png", "folder/c.bmp"):
        (root / name).write_bytes(cv2.imencode(Path(name).suffix.lower(), image)[1].tobytes())
    (root / "folder" / "notes.txt").write_text("not an image")
    writer = cv2.VideoWriter(str(root / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for _ in range(5):
        writer.write(image)
    writer.release()
    return root


def _run(cwd: Path, *arguments: object) -> Done:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EDGEYOLO_")}
    environment["EDGEYOLO_CONFIG_DIR"] = str(cwd / "none")
    return subprocess.run(
        [*EDGEYOLO, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Like ``_run`` in ``tmp_path``, without a process of its own."""
    for key in [key for key in os.environ if key.startswith("EDGEYOLO_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("EDGEYOLO_CONFIG_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("OPENCV_LOG_LEVEL", "SILENT")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Done:
        command = ["edgeyolo", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as end:
            main()
        return subprocess.CompletedProcess(command, int(end.value.code or 0), *capfd.readouterr())

    return run


def _lines(done: Done) -> list[dict[str, object]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _refused(done: Done, code: int) -> str:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def _frames_of(video: Path) -> int:
    capture = cv2.VideoCapture(str(video))
    count = 0
    while capture.read()[0]:
        count += 1
    capture.release()
    return count


@pytest.mark.parametrize(
    ("source", "arguments", "times"),
    [
        ("photo.png", [], [0]),
        ("folder", [], [0, 0, 0]),
        ("clip.mp4", [], [0, 0.1, 0.2, 0.3, 0.4]),
        ("clip.mp4", ["--frames", 2], [0, 0.1]),
        ("folder", ["--frames", 99], [0, 0, 0]),
    ],
)
def test_json(
    null_bundle: Path,
    media: Path,
    tmp_path: Path,
    source: str,
    arguments: list[object],
    times: list[float],
) -> None:
    done = _run(tmp_path, "run", null_bundle, "--source", media / source, "--json", *arguments)
    lines = _lines(done)
    assert [line["time_s"] for line in lines] == times
    assert [line["frame"] for line in lines] == list(range(len(times)))
    assert all(list(line) == KEYS and line["detections"] == [] for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_image_gives_an_annotated_copy(null_bundle: Path, media: Path, tmp_path: Path) -> None:
    done = _run(tmp_path, "run", null_bundle, "--source", media / "photo.png")
    assert done.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["photo-detected.png"]
    assert cv2.imread(str(tmp_path / "photo-detected.png")).shape == (48, 64, 3)
    assert "photo-detected.png" in done.stdout


def test_folder_gives_annotated_copies(null_bundle: Path, media: Path, tmp_path: Path) -> None:
    source = tmp_path / "in"
    shutil.copytree(media / "folder", source)
    done = _run(tmp_path, "run", null_bundle, "--source", "in")
    assert done.returncode == 0
    names = sorted(path.name for path in (tmp_path / "in-detected").iterdir())
    assert names == ["a.png", "b.JPG", "c.bmp"]
    assert len(list(source.iterdir())) == 4


def test_video_gives_an_annotated_video(null_bundle: Path, media: Path, tmp_path: Path) -> None:
    done = _run(tmp_path, "run", null_bundle, "--source", media / "clip.mp4", "--frames", 3)
    assert done.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["clip-detected.mp4"]
    assert _frames_of(tmp_path / "clip-detected.mp4") == 3


def test_json_and_out_together(null_bundle: Path, media: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "x.jpg"
    done = _run(
        tmp_path, "run", null_bundle, "--source", media / "photo.png", "--json", "--out", out
    )
    assert len(_lines(done)) == 1
    assert out.is_file()
    assert str(out) in done.stderr


@pytest.mark.parametrize("source", [".", ".."])
def test_the_folder_itself(null_bundle: Path, media: Path, tmp_path: Path, source: str) -> None:
    work = tmp_path / "pictures" / "inner"
    work.mkdir(parents=True)
    for folder in (work, work.parent):
        shutil.copy(media / "photo.png", folder)
    assert _run(work, "run", null_bundle, "--source", source).returncode == 0
    expected = "inner-detected" if source == "." else "pictures-detected"
    assert (work / expected / "photo.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "nowhere.png"], ["nowhere.png"]),
        ([], ["--source", "--camera"]),
        (["--source", "x.png", "--camera", "0"], ["one source"]),
        (["--source", "text.mp4"], ["text.mp4", "not a video"]),
        (["--source", "text"], ["text", "not a video"]),
        (["--source", "empty"], ["empty", "no images"]),
        (["--source", "broken"], ["b.png", "not a readable image"]),
        (["--source", "broken/b.png"], ["b.png", "not a readable image"]),
        (["--source", "broken/b.png", "--engine", "ncnn"], ["nothing for ncnn"]),
        (["--source", "broken/b.png", "--engine", "tpu"], ["tpu"]),
        (["--source", "broken/b.png", "--frames", "0"], ["--frames"]),
        (["--source", "broken/b.png", "--confidence", "high"], ["--confidence"]),
        (["--camera", "-1"], ["--camera"]),
    ],
)
def test_usage_errors(
    null_bundle: Path,
    tmp_path: Path,
    inside: Callable[..., Done],
    arguments: list[str],
    words: list[str],
) -> None:
    (tmp_path / "text.mp4").write_text("no video at all\n" * 50)
    (tmp_path / "text").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "b.png").write_bytes(b"no image")
    said = _refused(inside("run", null_bundle, *arguments), 2)
    for word in words:
        assert word in said


def test_a_broken_image_after_good_ones(null_bundle: Path, media: Path, tmp_path: Path) -> None:
    shutil.copytree(media / "folder", tmp_path / "in")
    (tmp_path / "in" / "b.JPG").write_bytes(b"")
    done = _run(tmp_path, "run", null_bundle, "--source", "in", "--json")
    assert done.returncode == 2
    assert "b.JPG" in done.stderr
    assert [json.loads(line)["frame"] for line in done.stdout.splitlines()] == [0]


def test_no_bundle(media: Path, tmp_path: Path) -> None:
    said = _refused(_run(tmp_path, "run", tmp_path, "--source", media / "photo.png"), 2)
    assert "bundle.json" in said


def test_no_such_camera(null_bundle: Path, tmp_path: Path) -> None:
    assert "Camera 63" in _refused(_run(tmp_path, "run", null_bundle, "--camera", 63), 4)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "out"),
    [
        ("photo.png", "x.xyz"),
        ("photo.png", "x"),
        ("photo.png", "there"),
        ("photo.png", "file/x.png"),
        ("folder", "file"),
        ("clip.mp4", "x.xyz"),
        ("clip.mp4", "file/x.mp4"),
    ],
)
def test_an_output_that_cannot_be_written(
    null_bundle: Path,
    media: Path,
    tmp_path: Path,
    inside: Callable[..., Done],
    source: str,
    out: str,
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "file").write_text("x")
    done = inside("run", null_bundle, "--source", media / source, "--out", out)
    said = _refused(done, 1)
    assert Path(out).name in said or "file" in said
    assert (tmp_path / "file").read_text() == "x"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "there"]


def test_a_reader_that_leaves_is_no_traceback(
    null_bundle: Path, media: Path, tmp_path: Path
) -> None:
    arguments = ["run", str(null_bundle), "--source", str(media / "clip.mp4"), "--json"]
    process = subprocess.Popen(
        [*EDGEYOLO, *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate(timeout=60)
    assert "Traceback" not in said
    assert process.returncode != 0


@pytest.mark.parametrize("box", [[0, 0, 63, 47], [0, 0, 64, 48], [60, 40, 64, 48], [5, 5, 5, 5]])
@pytest.mark.parametrize("class_id", [0, 79])
def test_draw_leaves_the_image_alone(box: list[float], class_id: int) -> None:
    image = np.full((48, 64, 3), 90, np.uint8)
    found = Detections(
        np.array([box], np.float32), np.array([0.5], np.float32), np.array([class_id])
    )
    drawn = draw(image, found, ["größe"] * 80)
    assert (image == 90).all()
    assert drawn.shape == image.shape
    assert (drawn != image).any()
