"""Latency: arithmetic by hand, and a measuring process that is real, clean and clear."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest

pytest.importorskip("cv2")

from edgeyolo.errors import EdgeyoloError, ExitCode, MissingDependencyError, UsageError
from edgeyolo.measure import latency
from edgeyolo.measure.latency import LatencySamples, Subject, measure, percentiles, ratio, verdict

MakeBundle = Callable[..., Path]


def _samples(rounds: list[list[float]]) -> LatencySamples:
    return LatencySamples("null", 1, 1.0, 1.0, 10, 50.0, rounds, rounds)


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        ([[5.0]], {"p50": 5, "p90": 5, "p99": 5}),
        ([[1, 2, 3], [4, 5]], {"p50": 3, "p90": 4.6, "p99": 4.96}),
        ([list(range(101))], {"p50": 50, "p90": 90, "p99": 99}),
        ([[], [2.0, 4.0]], {"p50": 3, "p90": 3.8, "p99": 3.98}),
    ],
)
def test_percentiles(rounds: list[list[float]], expected: dict[str, float]) -> None:
    assert percentiles(rounds) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        ([[10.0] * 20] * 5, "stable"),
        ([[10.0] * 20], "stable"),
        ([[10.0] * 17 + [14.0] * 3] * 5, "noisy"),
        ([[10.0] * 19 + [99.0]] * 5, "stable"),
        ([[10.0] * 17 + [12.9] * 3] * 5, "stable"),
        ([[10.0] * 20] * 4 + [[10.6] * 20], "noisy"),
        ([[10.0] * 20] * 4 + [[10.4] * 20], "stable"),
        ([[10.6] * 20] + [[10.0] * 20] * 4, "noisy"),
        ([[10.0] * 20, [10.6] * 20], "noisy"),
        ([[10.0] * 20, [10.0] * 20, [11.0] * 20, [10.0] * 20, [10.0] * 20], "stable"),
    ],
)
def test_verdict(rounds: list[list[float]], expected: str) -> None:
    assert verdict(rounds) == expected


def test_ratio_is_taken_within_rounds() -> None:
    slow = _samples([[20, 22, 90], [40, 40], [30, 33, 36]])
    fast = _samples([[11, 11, 11], [20, 20], [10, 11, 12]])
    assert ratio(slow, fast) == {"median": 2, "low": 2, "high": 3}
    assert ratio(fast, fast) == {"median": 1, "low": 1, "high": 1}
    with pytest.raises(ValueError, match="shorter"):
        ratio(slow, _samples([[1.0]]))


def test_summary() -> None:
    summary = _samples([[1.0, 2.0], [3.0]]).summary()
    assert summary["runs"] == 3
    assert summary["end_to_end_ms"]["p50"] == 2
    assert summary["verdict"] == "noisy"


def test_measure_takes_turns(null_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, str]] = []
    ask = latency._Worker.ask

    def note(worker: latency._Worker, question: dict[str, object]) -> dict[str, object]:
        asked.append((worker.process.pid, next(iter(question))))
        return ask(worker, question)

    monkeypatch.setattr(latency._Worker, "ask", note)
    progress: list[tuple[int, int]] = []
    subjects = [Subject(null_bundle, "null"), Subject(null_bundle, "null", threads=1)]
    found = measure(subjects, [], rounds=3, runs=4, progress=lambda *step: progress.append(step))
    first, second = asked[0][0], asked[1][0]
    assert first != second
    assert asked == [
        (pid, word) for word in ("load", "runs", "runs", "runs", "peak") for pid in (first, second)
    ]
    assert progress == [(1, 3), (2, 3), (3, 3)]
    for samples in found:
        assert samples.engine == "null"
        assert [len(part) for part in samples.total_ms] == [4, 4, 4]
        for engine, total in zip(chain(*samples.engine_ms), chain(*samples.total_ms), strict=True):
            assert 0 <= engine <= total
        assert samples.warmup_runs % 10 == 0
        assert samples.warmup_runs > 0
        assert samples.peak_rss_mb > 10
        assert LatencySamples(**samples.to_dict()) == samples
    assert found[1].threads == 1


def _fail(subject: Subject, images: list[Path] | None = None) -> EdgeyoloError:
    with pytest.raises(EdgeyoloError) as caught:
        measure([subject], images or [], rounds=1, runs=1)
    assert caught.value.message
    return caught.value


def test_missing_bundle(tmp_path: Path) -> None:
    error = _fail(Subject(tmp_path / "no", "null"))
    assert isinstance(error, UsageError)
    assert "no" in error.message
    assert error.hint


def test_damaged_bundle(make_bundle: MakeBundle, tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "b")
    (folder / "model.bin").write_bytes(b"")
    error = _fail(Subject(folder, "null"))
    assert isinstance(error, UsageError)
    assert "checksum" in error.message


def test_engine_that_the_bundle_lacks(null_bundle: Path) -> None:
    assert "ncnn" in _fail(Subject(null_bundle, "ncnn")).message


def test_missing_image(null_bundle: Path, tmp_path: Path) -> None:
    error = _fail(Subject(null_bundle, "null"), [tmp_path / "no.png"])
    assert isinstance(error, UsageError)
    assert "no.png" in error.message


def test_engine_not_installed(
    make_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "path").mkdir()
    blocked = "raise ModuleNotFoundError('no', name='ncnn')"
    (tmp_path / "path" / "ncnn.py").write_text(blocked)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    error = _fail(Subject(make_bundle(tmp_path / "b", engines={"ncnn": {}}), "ncnn"))
    assert isinstance(error, MissingDependencyError)
    assert error.exit_code == ExitCode.MISSING_DEPENDENCY
    assert "edgeyolo[ncnn]" in error.hint


def test_a_worker_that_dies_is_an_error_and_not_a_hang(
    null_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    error = _fail(Subject(null_bundle, "null"))
    assert error.exit_code == ExitCode.FAILED
    assert "ended with status 1, and last said: " in error.message


def test_the_worker_never_loads_the_workshop() -> None:
    code = (
        "import sys; import edgeyolo.measure.worker, edgeyolo.device.detector, edgeyolo.images;"
        "found = {'torch', 'ultralytics', 'matplotlib', 'onnx', 'click'} & set(sys.modules);"
        "sys.exit(', '.join(found) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_process_is_left(null_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []
    popen = subprocess.Popen

    def note(*args: object, **keywords: object) -> subprocess.Popen[str]:
        started.append(popen(*args, **keywords))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(latency.subprocess, "Popen", note)
    with pytest.raises(UsageError):
        measure([Subject(null_bundle, "null"), Subject(null_bundle, "ncnn")], [], rounds=1, runs=1)
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)


def _shadow(folder: Path, monkeypatch: pytest.MonkeyPatch, module: str, code: str) -> None:
    folder.mkdir()
    (folder / f"{module}.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_opencv_not_installed(
    null_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "raise ModuleNotFoundError('no', name='cv2')"
    _shadow(tmp_path / "path", monkeypatch, "cv2", code)
    error = _fail(Subject(null_bundle, "null"))
    assert isinstance(error, MissingDependencyError)
    assert error.exit_code == ExitCode.MISSING_DEPENDENCY
    assert "edgeyolo[headless]" in error.hint


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise ValueError('of its own')", ["status 1", "ValueError: of its own"]),
        ("import os; os._exit(7)", ["status 7", "said nothing"]),
        ("import os; os.kill(os.getpid(), 9)", ["status -9", "said nothing"]),
    ],
)
def test_the_last_words_of_a_worker_are_quoted(
    null_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: list[str]
) -> None:
    _shadow(tmp_path / "path", monkeypatch, "cv2", code)
    error = _fail(Subject(null_bundle, "null"))
    assert all(word in error.message for word in words), error.message
    assert "\n" not in error.message
    assert "edgeyolo doctor" in error.hint


@pytest.mark.parametrize("module", ["cv2", "numpy", "psutil", "edgeyolo"])
def test_the_working_folder_shadows_nothing(
    null_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    (tmp_path / f"{module}.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    [samples] = measure([Subject(null_bundle, "null")], [], rounds=1, runs=1)
    assert samples.engine == "null"


@pytest.mark.parametrize(
    ("status", "expected"), [("VmPeak: 1 kB\nVmHWM:\t  2048 kB\n", 2.0), ("Name: x\n", None)]
)
def test_peak_memory(tmp_path: Path, status: str, expected: float | None) -> None:
    from edgeyolo.measure.worker import _peak_rss_mb

    (tmp_path / "status").write_text(status)
    found = _peak_rss_mb(tmp_path / "status")
    assert found == expected if expected is not None else 10 < found < 100_000
    assert 10 < _peak_rss_mb(tmp_path / "none") < 100_000


def test_bench_that_fails_leaves_the_terminal_clean(
    null_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from edgeyolo.cli.commands import bench
    from edgeyolo.cli.narrator import Narrator

    def fail(*_: object, **__: object) -> None:
        raise EdgeyoloError("It broke.")

    closed: list[Narrator] = []
    monkeypatch.setattr(latency, "measure", fail)
    monkeypatch.setattr(Narrator, "close", lambda narrator: closed.append(narrator))
    done = CliRunner().invoke(bench.command, [str(null_bundle)])
    assert isinstance(done.exception, EdgeyoloError)
    assert len(closed) == 1
