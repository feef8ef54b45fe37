"""``edgeyolo run`` as a user runs it: outputs, exit codes, and nothing but data on stdout."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

import cv2

from edgeyolo.device.detections import Detections
from edgeyolo.device.draw import draw
from edgeyolo.device.frame import Frame
from edgeyolo.device.loop import run as run_loop
from edgeyolo.device.sinks.annotated import AnnotatedVideo
from edgeyolo.device.sinks.csvfile import COLUMNS
from edgeyolo.errors import CameraError, EdgeyoloError
from tests.command import edgeyolo_here, rest_of
from tests.device.processes import MAIN, PATIENT, lines_of

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
        return subprocess.CompletedProcess("", edgeyolo_here(*arguments), *capfd.readouterr())

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
        (["--source", "broken/b.png", "--engine", ","], ["No engine is named"]),
        (["--source", "broken/b.png", "--engine", ""], ["No engine is named"]),
        (["--source", "broken/b.png", "--out", "broken/b.png"], ["overwrite the source"]),
        (["--source", "broken/b.png", "--out", "broken/../broken/b.png"], ["overwrite the source"]),
        (["--source", "broken", "--out", "broken/"], ["overwrite the source"]),
        (["--source", "broken/b.png", "--csv", "broken/b.png"], ["--csv", "overwrite the source"]),
        (["--source", "broken/b.png", "--csv", "link"], ["--csv", "overwrite the source"]),
        (["--source", "broken/b.png", "--out", "x.png", "--csv", "./x.png"], ["the same file"]),
        (["--source", "text.mp4", "--csv", "text-detected.mp4"], ["the same file"]),
        (["--source", "text.mp4", "--out", "."], ["no name of a video"]),
        (["--camera", "63", "--out", "."], ["no name of a video"]),
        (["--camera", "63", "--out", "clip"], ["no name of a video", "seen.mp4"]),
        (["--camera", "63", "--csv", "-"], ["--csv", "--json"]),
        (["--camera", "63", "--max-fps", "nan"], ["--max-fps", "not a number"]),
        (["--camera", "63", "--save-when", "cat", "--save-every", "nan"], ["--save-every", "nan"]),
        (["--camera", "63", "--serve", "here:there"], ["'here:there' is no address"]),
        (["--source", "broken/b.png", "--frames", "0"], ["--frames"]),
        (["--source", "broken/b.png", "--confidence", "high"], ["--confidence"]),
        (["--source", "broken/b.png", "--conf", "2"], ["confidence of 2"]),
        (["--camera", "-1"], ["There is no -1", "synthetic:"]),
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
    (tmp_path / "link").symlink_to("broken/b.png")
    said = _refused(inside("run", null_bundle, *arguments), 2)
    for word in words:
        assert word in said
    assert (tmp_path / "broken" / "b.png").read_bytes() == b"no image"


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
    older = tmp_path / "older.csv"
    older.write_text("frame\n")
    done = _run(tmp_path, "run", null_bundle, "--camera", 63, "--csv", older)
    assert "Camera 63" in _refused(done, 4)
    assert older.read_text() == "frame\n"
    assert list(tmp_path.iterdir()) == [older]


def test_full_disk_while_writing_csv(null_bundle: Path, tiny_disk: Path, tmp_path: Path) -> None:
    out = tiny_disk / "out.csv"
    (tiny_disk / "rest").write_bytes(bytes(64 * 1024))
    done = _run(tmp_path, "run", null_bundle, "--camera", "synthetic://64x48", "--csv", out)
    assert "no space" in _refused(done, 1)


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
    _, said = process.communicate(timeout=240)
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


@pytest.fixture
def two_engines(make_bundle: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {"model": "model.bin"}
    folder = tmp_path_factory.mktemp("two") / "bundle"
    return make_bundle(folder, engines={"null": files, "openvino": files})


@pytest.mark.parametrize("configured", ["ncnn,null", "null,openvino", "ncnn,onnxruntime", "NCNN"])
@pytest.mark.parametrize("place", ["file", "variable"])
def test_a_configured_list_of_engines(
    two_engines: Path,
    media: Path,
    tmp_path: Path,
    inside: Callable[..., Done],
    monkeypatch: pytest.MonkeyPatch,
    configured: str,
    place: str,
) -> None:
    if place == "file":
        (tmp_path / "edgeyolo.toml").write_text(f"engine = {configured.split(',')!r}")
    else:
        monkeypatch.setenv("EDGEYOLO_ENGINE", configured)
    source = media / "photo.png"
    assert len(_lines(inside("run", two_engines, "--source", source, "--json"))) == 1
    times = ["--rounds", 1, "--runs", 1, "--json"]
    if "openvino" not in configured:  # these files are none of OpenVINO's
        [answer] = _lines(inside("bench", two_engines, *times))
        assert answer["engine"] == "null"


@pytest.mark.parametrize(
    ("configured", "flag", "expected"),
    [
        ("onnxruntime,openvino,null", None, ("openvino", "null")),
        ("openvino", None, ("openvino",)),
        (None, None, ("null",)),
        ("openvino", "null", ("null",)),
        (None, "openvino,null", ("openvino", "null")),
    ],
)
def test_which_engines(
    two_engines: Path,
    monkeypatch: pytest.MonkeyPatch,
    configured: str | None,
    flag: str | None,
    expected: tuple[str, ...],
) -> None:
    from edgeyolo.cli.options import engines_of
    from edgeyolo.device.bundle import Bundle

    monkeypatch.setenv("EDGEYOLO_ENGINE", configured or "")
    assert engines_of(Bundle.open(two_engines), flag) == expected


@pytest.mark.parametrize("command", ["run", "val"])
def test_a_flag_names_one_engine(
    two_engines: Path, media: Path, inside: Callable[..., Done], command: str
) -> None:
    source = ["--source", media / "photo.png"] if command == "run" else []
    said = _refused(inside(command, two_engines, *source, "--engine", "null,openvino"), 2)
    assert "--engine names 2 engines" in said


def test_bench_refuses_an_engine_of_the_flag_that_the_bundle_lacks(
    two_engines: Path, inside: Callable[..., Done]
) -> None:
    assert "nothing for ncnn" in _refused(inside("bench", two_engines, "--engine", "null,ncnn"), 2)
    assert "No engine" in _refused(inside("bench", two_engines, "--engine", ","), 2)


def test_help_keeps_names_as_they_are(inside: Callable[..., Done]) -> None:
    said = inside("slim", "--help").stdout
    assert "YOLOv8's" in said
    assert "DFL bins" in said
    assert "Lowest score" in inside("run", "--help").stdout


def test_show_without_a_display(
    null_bundle: Path, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    if sys.platform in ("win32", "darwin"):
        pytest.skip("there is always a display")
    done = _run(tmp_path, "run", null_bundle, "--source", media / "photo.png", "--show")
    assert "no display" in _refused(done, 4)
    assert list(tmp_path.iterdir()) == []


def test_a_window_that_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    from edgeyolo.device.sinks.window import Window

    def fail(*_: object) -> None:
        raise cv2.error("not implemented")

    monkeypatch.setattr(cv2, "imshow", fail)
    monkeypatch.setattr(cv2, "destroyAllWindows", fail)
    window = Window(("cat",))
    with pytest.raises(CameraError, match="window"):
        window.write(_frame(), Detections.empty())
    window.close(complete=False)


@pytest.mark.parametrize(
    ("keys", "visible", "wanted"),
    [
        ([], True, True),
        ([ord("q")], True, False),
        ([27], True, False),
        ([], False, False),
    ],
)
def test_a_window_is_left_by_a_key_or_its_own_button(
    monkeypatch: pytest.MonkeyPatch, keys: list[int], visible: bool, wanted: bool
) -> None:
    from edgeyolo.device.sinks.window import Window

    shown, waiting = [], []
    monkeypatch.setattr(cv2, "imshow", lambda *_: shown.append(1))
    monkeypatch.setattr(cv2, "waitKey", lambda _: waiting.pop() if waiting else -1)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: float(visible))
    window = Window(("cat",))
    assert window.idle()  # it is not open yet
    assert window.write(_frame(), Detections.empty())
    waiting += keys
    assert window.idle() is wanted
    waiting += keys
    assert window.write(_frame(), Detections.empty()) is wanted
    assert len(shown) == 1 + wanted


def _frame(image: np.ndarray | None = None) -> Frame:
    return Frame(0, 0.0, np.zeros((48, 64, 3), np.uint8) if image is None else image, "frame")


def test_an_image_beyond_the_limit_of_opencv(
    null_bundle: Path, media: Path, inside: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise cv2.error("pixels <= CV_IO_MAX_IMAGE_PIXELS")

    monkeypatch.setattr(cv2, "imdecode", fail)
    said = _refused(inside("run", null_bundle, "--source", media / "photo.png"), 2)
    assert "photo.png cannot be decoded" in said
    assert "CV_IO_MAX_IMAGE_PIXELS" in said


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        (None, True),
        (KeyboardInterrupt(), True),
        (CameraError("cable"), True),
        (EdgeyoloError("disk"), False),
    ],
)
def test_a_video_is_kept_unless_the_loop_fails(
    media: Path, tmp_path: Path, end: BaseException | None, kept: bool
) -> None:
    from edgeyolo.device.source import open_source

    class Detector:
        seen = 0

        def __call__(self) -> Detector:
            return self

        def preprocess(self, image: object) -> tuple[object, None]:
            return image, None

        def infer(self, blob: object) -> object:
            self.seen += 1
            if self.seen == 4 and end is not None:
                raise end
            return blob

        def postprocess(self, outputs: object, placement: None) -> Detections:
            return Detections.empty()

    detect = Detector()
    out = tmp_path / "out.mp4"
    sink, source = AnnotatedVideo(out, (), 10), open_source(str(media / "clip.mp4"), print)
    if end is None:
        assert run_loop(source, detect, [sink]) == 5  # type: ignore[arg-type]
    else:
        with pytest.raises(type(end)):
            run_loop(source, detect, [sink])  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == (["out.mp4"] if kept else [])
    if kept:
        assert _frames_of(out) == (5 if end is None else 3)


def test_without_a_name_the_bundle_here_runs_and_says_how_fast(
    null_bundle: Path, tmp_path: Path
) -> None:
    shutil.copytree(null_bundle, tmp_path / "bundle")
    done = _run(tmp_path, "run", "--camera", "synthetic://64x48@20", "--frames", 30)
    assert done.returncode == 0
    assert done.stdout == ""
    first, *lines = done.stderr.splitlines()
    assert first == "Bundle: bundle"
    assert re.fullmatch(
        r"frame \d+, \d+\.\d fps, ms capture [\d.]+ pre [\d.]+ infer [\d.]+ post [\d.]+ "
        r"sinks [\d.]+, age \d+ ms, \d+ dropped, \d+ MB(, .*)?: nothing",
        lines[0],
    )
    configured = tmp_path / "edgeyolo.toml"
    configured.write_text('bundle = "elsewhere"\n')
    said = _refused(_run(tmp_path, "run", "--camera", "synthetic://64x48"), 2)
    assert "elsewhere" in said


def _started(cwd: Path, *arguments: object) -> subprocess.Popen[str]:
    """A run that goes on, after its first line on stdout."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{PATIENT}{MAIN}", "run", *map(str, arguments)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
def test_a_service_that_is_stopped_closes_its_files(null_bundle: Path, tmp_path: Path) -> None:
    outputs = ("--json", "--out", tmp_path / "out.mp4", "--csv", tmp_path / "out.csv")
    process = _started(tmp_path, null_bundle, "--camera", "synthetic://64x48@50", *outputs)
    lines_of(process, 9)
    process.terminate()
    lines, said = rest_of(process)
    assert process.returncode == 0
    assert said == ""
    assert _frames_of(tmp_path / "out.mp4") == len(lines.splitlines()) + 10
    assert (tmp_path / "out.csv").read_text().splitlines() == [",".join(COLUMNS)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.mp4"]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP there")
def test_a_bundle_is_loaded_anew_and_a_bad_one_is_not(
    null_bundle: Path, make_bundle: Callable[..., Path], tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    shutil.copytree(null_bundle, work / "bundle")
    process = _started(work, "--camera", "synthetic://64x48@10", "--json")
    assert process.stderr is not None
    assert process.stdout is not None
    assert process.stderr.readline() == "Bundle: bundle\n"

    def after_hangup() -> str:
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        line = process.stderr.readline()
        return process.stderr.readline() if line == "Bundle: bundle\n" else line

    try:
        assert after_hangup() == "bundle is loaded anew.\n"
        manifest = (work / "bundle" / "bundle.json").read_text()
        (work / "bundle" / "bundle.json").write_text(manifest[:-20])
        assert after_hangup().startswith("The old bundle goes on: ")
        shutil.rmtree(work / "bundle")
        make_bundle(work / "bundle", names=("other", "names"))
        assert (
            after_hangup()
            == "The old bundle goes on: bundle has other classes; restart to use it.\n"
        )
        frames = [json.loads(process.stdout.readline())["frame"] for _ in range(20)]
        assert frames == sorted(frames)
    finally:
        process.terminate()
        process.communicate(timeout=240)
    assert process.returncode == 0


def test_every_third_frame(null_bundle: Path, media: Path, tmp_path: Path) -> None:
    done = _run(
        tmp_path, "run", null_bundle, "--source", media / "clip.mp4", "--json", "--every", 3
    )
    assert [line["frame"] for line in _lines(done)] == [0, 3]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--classes", "nobody"], "no class 'nobody'"),
        (["--roi", "1,2,3"], "'1,2,3' is not x,y,width,height"),
        (["--roi", "0,0,0,9"], "is not possible"),
        (["--roi", "900,0,9,9"], "has nothing at 900,0"),
        (["--every", "0"], "--every"),
        (["--max-fps", "0"], "--max-fps"),
    ],
)
def test_what_cannot_be_looked_at(
    null_bundle: Path, media: Path, inside: Callable[..., Done], arguments: list[str], words: str
) -> None:
    source = ("--source", media / "photo.png", "--json")
    assert words in _refused(inside("run", null_bundle, *source, *arguments), 2)


_SHOWN_AT = (0, 100, 900, 2000, 2500)  # milliseconds


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".mov"])
@pytest.mark.parametrize("count", [1, 40])
def test_a_whole_video_is_never_called_incomplete(tmp_path: Path, suffix: str, count: int) -> None:
    out = tmp_path / f"out{suffix}"
    sink = AnnotatedVideo(out, (), 29.97)
    for _ in range(count):
        sink.write(_frame(), Detections.empty())
    sink.close(complete=True)
    assert _frames_of(out) == count


@pytest.mark.parametrize(
    ("suffix", "count", "times"), [(".avi", 26, range(0, 2600, 100)), (".mp4", 5, _SHOWN_AT)]
)
def test_a_recording_of_a_camera_takes_as_long_as_it_took(
    tmp_path: Path, suffix: str, count: int, times: Sequence[int]
) -> None:
    """Also when frames are dropped, and when it comes back in another size."""
    out = tmp_path / f"out{suffix}"
    sink = AnnotatedVideo(out, (), 10, is_live=True)
    for index, (time_s, side) in enumerate([(7.0, 64), (7.1, 64), (7.9, 64), (9.0, 96), (9.5, 32)]):
        image = np.full((side, side, 3), 40 + 40 * index, np.uint8)
        sink.write(Frame(index, time_s, image, ""), Detections.empty())
    sink.close(complete=True)
    assert _frames_of(out) == count
    capture, grays, shown = cv2.VideoCapture(str(out)), [], []
    while (read := capture.read())[0]:
        grays.append(round(float(np.asarray(read[1])[32, 32].mean()), -1) / 40)
        shown.append(round(capture.get(cv2.CAP_PROP_POS_MSEC)))
    assert shown == list(times)
    expected = [1] + [2] * 8 + [3] * 11 + [4] * 5 + [5]
    assert [round(gray) for gray in grays] == (expected if count == 26 else [1, 2, 3, 4, 5])


def test_a_reader_that_has_seen_enough_loses_no_recording(
    null_bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    process = _started(
        tmp_path, null_bundle, "--camera", "synthetic://64x48@50", "--json", "--out", out
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    process.communicate(timeout=240)
    assert _frames_of(out) >= 1


@pytest.fixture
def long_clip(tmp_path: Path) -> Path:
    """A video of noise that needs far more than ``tiny_disk`` has."""
    path, codec = tmp_path / "long.mp4", cv2.VideoWriter.fourcc(*"mp4v")
    writer, rng = cv2.VideoWriter(str(path), codec, 10, (160, 120)), np.random.default_rng(0)
    for _ in range(40):
        writer.write(rng.integers(0, 255, (120, 160, 3), np.uint8))
    writer.release()
    assert path.stat().st_size > 150_000
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_full_disk_while_writing_a_video(
    null_bundle: Path, tiny_disk: Path, long_clip: Path, tmp_path: Path, suffix: str
) -> None:
    out = tiny_disk / f"out{suffix}"
    done = _run(tmp_path, "run", null_bundle, "--source", long_clip, "--out", out)
    said = _refused(done, 1)
    assert str(out) in said
    assert "MB are free on its disk" in said
    assert list(tiny_disk.iterdir()) == []


def test_full_disk_while_writing_an_image(
    null_bundle: Path, tiny_disk: Path, tmp_path: Path, inside: Callable[..., Done]
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "noise.png"), noise)
    out = tiny_disk / "out.png"
    out.write_text("older")
    said = _refused(inside("run", null_bundle, "--source", "noise.png", "--out", out), 1)
    assert "no space" in said
    assert [path.name for path in tiny_disk.iterdir()] == ["out.png"]
    assert out.read_text() == "older"
