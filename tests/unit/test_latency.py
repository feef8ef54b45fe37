"""Latency: arithmetic by hand, and a measuring process that is real, clean and clear."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cv2")

from edgeyolo.device.bundle import Bundle
from edgeyolo.errors import EdgeyoloError, ExitCode, MissingDependencyError, UsageError
from edgeyolo.measure import latency, state
from edgeyolo.measure.latency import LatencySamples, Subject, measure, ratio, verdict
from edgeyolo.measure.limits import Limit, duration_s
from edgeyolo.measure.percentiles import early_stopped, interval, percentiles
from edgeyolo.report.bench import layer_table
from tests.command import edgeyolo_here


@pytest.fixture(autouse=True)
def _short_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "_CAMERA_S", 0.3)


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
    progress: list[tuple[float, float]] = []
    subjects = [Subject(null_bundle, "null"), Subject(null_bundle, "null", threads=1)]
    found = measure(subjects, [], rounds=3, runs=4, progress=lambda *step: progress.append(step))
    first, second = asked[0][0], asked[1][0]
    assert first != second
    assert asked == [
        (pid, word) for word in ("load", "runs", "runs", "runs", "end") for pid in (first, second)
    ]
    assert progress == [(1 / 3, 1), (2 / 3, 1), (1, 1)]
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
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
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


# How sure figures are


def test_an_interval_holds_the_percentile_and_shrinks_with_rounds() -> None:
    generator = np.random.default_rng(1)
    rounds = [list(generator.lognormal(3, 0.2, 20)) for _ in range(200)]
    wide, narrow = (interval(part, 90) for part in (rounds[:12], rounds))
    assert narrow[0] < percentiles(rounds)["p90"] < narrow[1]
    assert narrow[1] - narrow[0] < wide[1] - wide[0]
    assert interval(rounds, 90) == narrow  # the same each time


def test_rounds_that_differ_are_not_taken_for_many_runs() -> None:
    steps = [[10.0 + index] * 200 for index in range(5)]  # each round is the same value 200 times
    low, high = interval(steps, 50)
    assert high - low >= 2


@pytest.mark.parametrize(
    ("count", "slow"), [(63, 0), (64, 1), (100, 3), (200, 10), (500, 34), (1000, 78), (5000, 450)]
)
def test_early_stopping_is_that_of_mlperf(count: int, slow: int) -> None:
    """The table of measuring: after so many queries, the so many slowest are left out."""
    found = early_stopped([[float(value) for value in range(count)]])
    assert found == (count - slow if slow else None)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("p90<66ms", Limit("model", "p90", 66.0)),
        (" P50 <= 7.5 ", Limit("model", "p50", 7.5)),
        ("engine.p99<40ms", Limit("engine", "p99", 40.0)),
        ("camera.p90 < 90", Limit("camera", "p90", 90.0)),
    ],
)
def test_limits(text: str, limit: Limit) -> None:
    assert Limit.parse(text) == limit


@pytest.mark.parametrize(
    "text", ["", "p90", "p90>5", "p95<5", "p90<0", "p90<-1", "gpu.p90<5", "p90<5s"]
)
def test_what_is_no_limit(text: str) -> None:
    with pytest.raises(UsageError, match="is no limit of a latency"):
        Limit.parse(text)


def test_durations() -> None:
    assert [duration_s(text) for text in ("90s", "1.5m", "2 h")] == [90, 90, 7200]
    for text in ("", "5", "m", "-1s", "0s", "1d"):
        with pytest.raises(UsageError, match="is no duration"):
            duration_s(text)


# The machine meanwhile


def _cpus(folder: Path, *kilohertz: int) -> Path:
    for index, value in enumerate(kilohertz):
        place = folder / f"cpu{index}" / "cpufreq"
        place.mkdir(parents=True, exist_ok=True)
        (place / "scaling_cur_freq").write_text(f"{value}\n")
        (place / "scaling_governor").write_text("ondemand\n")
    return folder


def test_the_state_of_a_machine(tmp_path: Path) -> None:
    found = state.look(_cpus(tmp_path, 1500000, 600000))
    assert (found.governor, found.clocks_mhz) == ("ondemand", (1500, 600))
    assert found.available_mb > 0
    nothing = state.look(tmp_path / "none")
    assert (nothing.governor, nothing.clocks_mhz) == (None, ())


@pytest.mark.parametrize(
    ("said", "mhz"),
    [("echo 'frequency(48)=1500398464'", 1500), ("echo nonsense", None), ("exit 255", None)],
)
def test_the_clock_that_a_raspberry_pi_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, mhz: int | None
) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text(f'#!/bin/sh\n[ "$*" = "measure_clock arm" ] || exit 1\n{said}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert state.look().measured_mhz == mhz


def _states(
    clocks: list[int], throttled: tuple[str, ...] = (), counted: int | None = None
) -> list[state.State]:
    return [state.State(0.0, None, (mhz,) * 4, counted, None, throttled, None, 1) for mhz in clocks]


def test_what_counts_as_throttled() -> None:
    assert not state.has_throttled(_states([1500] * 6))
    assert not state.has_throttled(_states([1500, 1500, 600, 1500, 1500, 1500]))
    assert state.has_throttled(_states([1500, 1500, 1500, 1200, 1000, 1000]))
    assert state.has_throttled(_states([1500], ("throttled",)))
    # What was asked for stays, what the firmware counts falls.
    assert state.has_throttled(
        _states([1500] * 3, counted=1500) + _states([1500] * 3, counted=1000)
    )
    assert not state.has_throttled(_states([]))
    assert verdict([[10.0] * 20] * 5, throttled=True) == "throttled"


def test_a_machine_is_watched_while_it_works() -> None:
    with state.watching(interval_s=0.01) as seen:
        end = time.monotonic() + 60
        while len(seen) <= 5 and time.monotonic() < end:
            time.sleep(0.01)
    assert len(seen) > 5
    assert [one.at for one in seen] == sorted(one.at for one in seen)
    assert not any(thread.name == "state" for thread in threading.enumerate())


# The command


def _bench(
    *arguments: object, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, Any], str]:
    code = edgeyolo_here("bench", *arguments, "--json")
    told = capsys.readouterr()
    return code, json.loads(told.out) if told.out else {}, told.err


def test_several_bundles_take_turns(
    make_bundle: MakeBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundles = [make_bundle(tmp_path / name) for name in ("one", "two")]
    flags = ("--engine", "null", "--threads", "1,2", "--rounds", 2, "--runs", 3)
    code, answer, _ = _bench(*bundles, *flags, capsys=capsys)
    assert code == 0
    labels = [result["label"] for result in answer["results"]]
    assert labels == [f"{name} null, {n} threads" for name in ("one", "two") for n in (1, 2)]
    for result in answer["results"]:
        assert result["runs"] == 6
        assert result["camera_ms"]["p50"] > 0
        assert len(result["samples"]["at"][1]) == 3
        assert len(result["samples"]["warmup_ms"]) == result["samples"]["warmup_runs"]
        assert {"median", "low", "high"} == set(result["times_first"])
    turns = [result["samples"]["at"] for result in answer["results"]]
    starts = [part[0] for index in range(2) for part in (rounds[index] for rounds in turns)]
    assert starts == sorted(starts)
    assert len(answer["states"]) >= 2


def test_a_limit_that_is_not_kept_ends_with_its_code(
    null_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = (null_bundle, "--engine", "null", "--rounds", 1)
    code, answer, told = _bench(
        *flags, "--assert", "p90<10000ms", "--assert", "p50<0.0001", capsys=capsys
    )
    assert code == ExitCode.BUDGET_NOT_MET
    assert len(answer["broken"]) == 1
    assert "model p50 is " in told
    assert _bench(*flags, "--assert", "p90<10000ms", capsys=capsys)[0] == 0


def test_it_goes_on_as_long_as_it_is_asked(
    null_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, answer, _ = _bench(null_bundle, "--engine", "null", "--soak", "1.5s", capsys=capsys)
    at = [moment for part in answer["results"][0]["samples"]["at"] for moment in part]
    assert 1.0 < at[-1] - at[0] < 30
    assert answer["results"][0]["runs"] > 200


def test_a_board_has_so_many_cores(
    null_bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Subject] = []

    def note(subjects: list[Subject], *_: object, **__: object) -> None:
        asked.extend(subjects)
        raise EdgeyoloError("enough")

    monkeypatch.setattr(latency, "measure", note)
    monkeypatch.setattr("edgeyolo.device.engine.available_cores", lambda: 64)
    assert edgeyolo_here("bench", null_bundle, "--engine", "null", "--profile", "jetson-nano") == 1
    assert [(one.cores, one.threads) for one in asked] == [(4, 4)]


def test_cores_of_the_process_are_limited(null_bundle: Path) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one core only")
    started = measure([Subject(null_bundle, "null", cores=1)], [], rounds=1, runs=1)
    assert started[0].threads == 1  # as many as there are cores to use


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--quick", "--thorough"), "exclude each other"),
        (("--threads", "none"), "--threads is 'none'"),
        (("--threads", "0"), "--threads is '0'"),
        (("--soak", "long"), "'long' is no duration"),
        (("--assert", "p90"), "'p90' is no limit"),
        (("--profile", "pi"), "no device profile 'pi'"),
    ],
)
def test_what_the_command_refuses(
    null_bundle: Path, flags: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, told = _bench(null_bundle, *flags, capsys=capsys)
    assert code == ExitCode.USAGE
    assert words in told


# The layers, and what a net is known by


def test_layers_are_asked_for_at_last(null_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    ask = latency._Worker.ask

    def note(worker: latency._Worker, question: dict[str, Any]) -> dict[str, Any]:
        asked.append(question)
        return ask(worker, question)

    monkeypatch.setattr(latency._Worker, "ask", note)
    [samples] = measure([Subject(null_bundle, "null")], [], rounds=1, runs=2, layers=7)
    assert [next(iter(question)) for question in asked] == ["load", "runs", "end", "layers"]
    assert asked[-1] == {"layers": 7}
    assert samples.layers is None  # the null engine has none to tell of


def test_a_profile_that_fails_takes_no_timing_with_it(
    null_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that is ended for lack of memory."""
    code = "def __getattr__(name): import os; os._exit(9)"  # behind cv2 and numpy, before a profile
    folder = tmp_path / "path" / "edgeyolo_profilers"
    folder.mkdir(parents=True)
    (folder / "null.py").write_text(code)
    hook = f"import edgeyolo.measure.profilers as p; p.__path__.append({str(folder)!r})"
    (tmp_path / "path" / "sitecustomize.py").write_text(hook)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'path'}:{Path(__file__).parents[2]}")
    [samples] = measure([Subject(null_bundle, "null")], [], rounds=1, runs=2, layers=1)
    assert len(samples.total_ms[0]) == 2
    assert samples.layers is None
    with latency._worker(Subject(null_bundle, "null"), []) as worker:
        worker.ask({"load": 0.1})
        with pytest.raises(EdgeyoloError, match="ended with status 9"):  # so it was really tried
            worker.ask({"layers": 1})


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "ncnn"])
def test_profilers_load_no_workshop(engine: str) -> None:
    pytest.importorskip(engine)
    code = (
        f"import sys; import edgeyolo.measure.worker, edgeyolo.measure.profilers.{engine};"
        "found = {'torch', 'ultralytics', 'matplotlib', 'onnx', 'click'} & set(sys.modules);"
        "sys.exit(', '.join(found) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")


def _at(*moments: float) -> LatencySamples:
    rounds = [[1.0] * len(moments)]
    return LatencySamples("null", 1, 1.0, 1.0, 10, 50.0, rounds, rounds, [list(moments)])


def test_clocks_count_only_while_nets_run() -> None:
    slow = [state.State(float(at), None, (mhz,), None, None, (), None, 1)
            for at, mhz in enumerate([1500, 1500, 1500, 1500, 600, 600, 600])]  # fmt: skip
    assert latency.is_throttled(slow, [_at(0.0), _at(6.0)])
    assert not latency.is_throttled(slow, [_at(0.0), _at(3.5)])  # then it waited for a camera
    assert not latency.is_throttled(slow, [_samples([[1.0]])])
    said = [*slow, state.State(9.0, None, (600,), None, None, ("throttled",), None, 1)]
    assert latency.is_throttled(said, [_at(0.0, 3.5)])


def test_a_net_is_known_by_what_is_in_its_files(make_bundle: MakeBundle, tmp_path: Path) -> None:
    one, same = (Bundle.open(make_bundle(tmp_path / name, name=name)) for name in ("one", "same"))
    assert one.digest("null") == same.digest("null")
    assert re.fullmatch("[0-9a-f]{64}", one.digest("null"))
    (same.root / "model.bin").write_bytes(b"other")
    assert one.digest("null") != same.digest("null")
    (tmp_path / "two").mkdir()
    for name, content in (("a.bin", b"1"), ("b.bin", b"2"), ("c.bin", b"2")):
        (tmp_path / "two" / name).write_bytes(content)
    engines = {"x": {"p": "a.bin", "q": "b.bin"}, "y": {"q": "a.bin", "p": "b.bin"}}
    engines |= {"z": {"p": "a.bin", "q": "c.bin"}}
    two = replace(one, root=tmp_path / "two", engines=engines)
    assert two.digest("x") == two.digest("y")  # whatever the roles are called
    assert len({two.digest(engine) for engine in ("x", "z")}) == 2  # but not the files


def test_bench_names_the_net_by_its_digest(
    null_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, answer, _ = _bench(null_bundle, "--engine", "null", "--rounds", 1, capsys=capsys)
    digest = Bundle.open(null_bundle).digest("null")
    assert answer["results"][0]["sha256"] == digest
    assert answer["results"][0]["id"] == f"{digest[:12]}@null-{answer['results'][0]['imgsz']}"
    assert answer["results"][0]["layers"] is None


def test_the_table_of_layers() -> None:
    layers = [
        {"name": "/a/Conv", "kind": "Conv", "ms": 3.0, "share": 0.75, "precision": "int8"},
        {"name": "(the other 4)", "kind": "", "ms": 1.0, "share": 0.25, "precision": None},
    ]
    found = layer_table({"results": [{"label": "b ncnn", "layers": layers}, {"label": "b null"}]})
    assert found.splitlines()[1:] == [
        "b ncnn, ms of a run, in runs of their own behind the others",
        "  /a/Conv          3.000   75.0%  Conv int8",
        "  (the other 4)    1.000   25.0%",
        "  all              4.000",
        "",
        "b null: the engine does not tell what its layers take.",
    ]


def test_bench_shows_layers_when_asked(
    null_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for flags, is_shown in (((), False), (("--layers",), True)):
        assert edgeyolo_here("bench", null_bundle, "--engine", "null", "--rounds", 1, *flags) == 0
        assert ("the engine does not tell" in capsys.readouterr().out) == is_shown


def test_the_latency_of_a_run_has_all_scopes_and_the_machine(
    make_bundle: MakeBundle, small_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeyolo.dataset.read import read_dataset
    from edgeyolo.flow.measurements import measure_latency
    from edgeyolo.progress import Silent
    from edgeyolo.runs import Run

    run, plan = Run(tmp_path), SimpleNamespace(plain=False, engines=("null",))
    fingerprint = read_dataset(small_demo).fingerprint()
    run.data_file.write_text(json.dumps({"path": str(small_demo), "fingerprint": fingerprint}))
    for path in (run.bundle, run.baseline_bundle):
        make_bundle(path)
    hot = state.State(time.time(), "ondemand", (1500,), None, 80.0, ("throttled",), None, 1)
    monkeypatch.setattr(state, "look", lambda: hot)
    measure_latency(run, plan, Silent())  # type: ignore[arg-type]
    found = json.loads(run.latency_file.read_text())
    assert found["images"] == 8
    assert found["states"][0]["celsius"] == 80
    assert [row["role"] for row in found["results"]] == ["slim", "baseline"]
    for row in found["results"]:
        assert row["verdict"] == "throttled"
        assert row["camera_ms"]["p90"] > 0
        assert row["layers"] is None
        assert row["samples"]["camera_ms"]
        assert row["ratio_to_baseline"]["median"] > 0
