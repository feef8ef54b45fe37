"""Latency of a board that is not at hand."""

from __future__ import annotations

import csv
import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeyolo.errors import ConfigError, DataError, UsageError
from edgeyolo.locations import own_profiles
from edgeyolo.measure import own
from edgeyolo.measure.costs import slower, terms
from edgeyolo.measure.own import Measurement
from edgeyolo.measure.predict import Predictor, predicted_engines
from edgeyolo.measure.refine import refined
from edgeyolo.measure.work import Work, work_of
from edgeyolo.profiles import load_profile, profile_names
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.timing import TERMS, Speedup
from tests.command import edgeyolo_here
from tests.conftest import ROOT

ASKED = "raspberry-pi-4,onnxruntime,fp32,4,0.5,1.0,512,P3 P4 P5,16,80,320"
COLUMNS = "profile,engine,precision,threads,width,depth,max_channels,heads,reg_max,classes,imgsz"


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEYOLO_CONFIG_DIR", str(tmp_path / "config"))


def _predictor(board: str, engine: str, precision: str = "fp32", **more: Any) -> Predictor:
    return Predictor(load_profile(board), engine, precision, **more)


@pytest.mark.parametrize("board", profile_names())
def test_every_board_has_latencies_that_say_where_they_come_from(board: str) -> None:
    profile = load_profile(board)
    known = predicted_engines(profile)
    offered = {name for name, engine in profile.engines.items() if engine.available}
    assert {engine for engine, _ in known} == offered
    works = work_of(SlimSpec(), 80, 320)
    for engine, precision in known:
        answer = Predictor(profile, engine, precision)(works)
        assert 0 < answer.low_ms < answer.latency_ms < answer.high_ms
        words = ("fitted to", "a factor that", "not measured", "no figure")
        assert any(word in answer.origin for word in words)
        timing = profile.latency[engine][precision]
        # What was not measured is less sure than what it is derived from.
        if timing.like is not None:
            like = Predictor(load_profile(timing.like.profile), *_pair(timing.like))(works)
            assert answer.high_ms / answer.low_ms >= like.high_ms / like.low_ms


def _pair(like: Any) -> tuple[str, str]:
    return like.engine, like.precision


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(1, 63),
    imgsz=st.sampled_from([96, 320, 640]),
    engine=st.sampled_from(["ncnn", "onnxruntime"]),
)
def test_more_work_takes_longer(width: int, imgsz: int, engine: str) -> None:
    predict = _predictor("raspberry-pi-5", engine)
    spec = SlimSpec(width=width / 64)
    here = predict(work_of(spec, 3, imgsz)).latency_ms
    assert predict(work_of(spec.with_(width=(width + 1) / 64), 3, imgsz)).latency_ms >= here
    assert predict(work_of(spec, 3, imgsz + 32)).latency_ms > here
    assert predict(work_of(spec.with_(heads=("P3", "P4")), 3, imgsz)).latency_ms < here


def test_threads_and_clocks_count() -> None:
    works = work_of(SlimSpec(), 80, 320)
    times = [
        _predictor("raspberry-pi-4", "ncnn", threads=n)(works).latency_ms for n in (1, 2, 3, 4)
    ]
    assert times == sorted(times, reverse=True)
    assert 1.2 < times[0] / times[3] < 4
    faster = _predictor("raspberry-pi-4", "ncnn", clock="Boost")(works).latency_ms
    assert faster == pytest.approx(times[3] * 1500 / 1800)


def test_storage_does_not_change_what_is_computed() -> None:
    works = work_of(SlimSpec(), 80, 320)
    plain, *others = (
        _predictor("raspberry-pi-5", "ncnn", kind)(works)
        for kind in ("fp32", "fp16", "int8-weights")
    )
    assert others == [plain, plain]


def test_far_from_what_was_measured_it_is_less_sure() -> None:
    predict = _predictor("raspberry-pi-5", "onnxruntime")  # fitted to YOLOv8 of width 0.25 to 1

    def width_of(works: list[Work]) -> float:
        answer = predict(works)
        return answer.high_ms / answer.low_ms

    near, far = work_of(SlimSpec(width=0.5), 80, 320), [Work("depthwise", 10**8, 10**6, 10**4, 20)]
    assert width_of(near) < 1.2
    assert width_of(far) > 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("jetson-nano", "openvino"), "No latency of openvino in fp32 is known"),
        (("raspberry-pi-4", "ncnn", "int4"), "No latency of ncnn in int4 is known"),
        (("raspberry-pi-4", "ncnn", "fp32", 5), "has 4 cores, so 5 threads are not possible"),
        (("raspberry-pi-4", "ncnn", "fp32", None, "turbo"), "has no mode 'turbo'"),
        (("jetson-xavier-nx", "ncnn", "fp32", None, "2core"), "has several modes with '2core'"),
    ],
)
def test_what_cannot_be_predicted(arguments: tuple[Any, ...], words: str) -> None:
    board, *rest = arguments
    with pytest.raises(UsageError) as refused:
        Predictor(load_profile(board), *rest)
    assert words in refused.value.message
    assert refused.value.hint


def test_threads_share_the_memory() -> None:
    speedup = Speedup(compute=3.0, memory=1.5)
    one, two, four = (slower(threads, 4, speedup) for threads in (1, 2, 4))
    assert four.tolist() == [1.0] * len(TERMS)
    assert dict(zip(TERMS, one, strict=True))["conv3"] == 3.0
    assert dict(zip(TERMS, one, strict=True))["moved"] == 1.5
    assert dict(zip(TERMS, one, strict=True))["layer"] == 1.0
    assert np.all((four <= two) & (two <= one))


def test_rows_are_computed_four_pixels_at_a_time() -> None:
    counts = [
        dict(zip(TERMS, terms([Work("conv1", 100 * row, 0, 10, row)], 1 << 20), strict=True))
        for row in (4, 5, 8)
    ]
    assert [found["conv1"] for found in counts] == [400, 800, 800]
    assert all(found["cold"] == 0 for found in counts)
    cold = terms([Work("conv1", 400, 0, 10, 4)], 39)[TERMS.index("cold")]
    assert cold == 400


# Own measurements


def _measured(milliseconds: float, width: float = 0.25, **more: Any) -> Measurement:
    given = {"engine": "onnxruntime", "precision": "fp32", "threads": 4, "classes": 80, **more}
    return Measurement(**given, spec=SlimSpec(width=width), imgsz=320, latency_ms=milliseconds)


def test_a_measurement_moves_what_is_predicted_and_makes_it_surer() -> None:
    nets = [work_of(SlimSpec(width=width), 80, 320) for width in (0.25, 0.125)]
    before = [_predictor("raspberry-pi-zero-2w", "onnxruntime")(net) for net in nets]
    own.keep("raspberry-pi-zero-2w", [_measured(1.5 * before[0].latency_ms)])
    after = [_predictor("raspberry-pi-zero-2w", "onnxruntime")(net) for net in nets]
    for old, new in zip(before, after, strict=True):
        assert new.latency_ms / old.latency_ms == pytest.approx(1.5, rel=0.08)
        assert new.high_ms / new.low_ms < 0.8 * old.high_ms / old.low_ms
        assert "1 measurements of your own" in new.origin
    assert own.forget("raspberry-pi-zero-2w")
    again = [_predictor("raspberry-pi-zero-2w", "onnxruntime")(net) for net in nets]
    assert again == before


def test_measurements_that_differ_leave_it_unsure() -> None:
    predict = _predictor("raspberry-pi-4", "onnxruntime")
    widths = (0.125, 0.25, 0.375, 0.5)
    nets = [work_of(SlimSpec(width=width), 80, 320) for width in widths]
    rows = [(terms(net, 1 << 20), predict(net).latency_ms) for net in nets]
    costs = predict._costs
    alike = refined(costs, [(counts, 1.2 * ms, 4) for counts, ms in rows])
    apart = refined(
        costs, [(counts, ms * (2.0 if i % 2 else 0.7), 4) for i, (counts, ms) in enumerate(rows)]
    )
    assert alike.error < 0.05 < 0.2 < apart.error
    assert np.all(alike.values >= 0)
    for counts, ms in rows:
        assert alike.milliseconds(counts, 4) == pytest.approx(1.2 * ms, rel=0.05)


def test_the_newer_of_two_measurements_counts() -> None:
    own.keep("raspberry-pi-4", [_measured(100.0), _measured(50.0, width=0.125)])
    own.keep("raspberry-pi-4", [_measured(120.0)])
    found = own.own_measurements("raspberry-pi-4")
    assert sorted(one.latency_ms for one in found) == [50.0, 120.0]
    own.forget("raspberry-pi-4")


@pytest.mark.parametrize("text", ["", "{}", '{"format": "edgeyolo-measurements", "version": 9}'])
def test_a_damaged_file_of_measurements_is_said(text: str) -> None:
    path = own.keep("raspberry-pi-4", [_measured(100.0)])
    path.write_text(text)
    with pytest.raises(ConfigError, match="damaged or of another edgeyolo"):
        _predictor("raspberry-pi-4", "onnxruntime")
    own.forget("raspberry-pi-4")


def _bench(**more: Any) -> dict[str, Any]:
    result = {
        "engine": "onnxruntime",
        "threads": 4,
        "engine_only_ms": {"p50": 90.0},
        "precision": "fp32",
        "spec": SlimSpec().to_dict(),
        "classes": 80,
        "imgsz": 320,
        **more,
    }
    machine = {"machine": "Raspberry Pi 4", "versions": {"onnxruntime": "1.31.1"}}
    return {"environment": machine, "results": [result]}


def test_a_bench_from_the_board_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(_bench()))
    assert edgeyolo_here("profiles", "calibrate", "raspberry-pi-4", path) == 0
    told = capsys.readouterr().out
    assert "onnxruntime fp32, w0.25-d0.33 at 320 px" in told
    assert "90.0" in told
    monkeypatch.setattr(sys, "stdin", StringIO(json.dumps(_bench(imgsz=640))))
    assert edgeyolo_here("profiles", "calibrate", "raspberry-pi-4", "-") == 0
    assert len(own.own_measurements("raspberry-pi-4")) == 2
    assert edgeyolo_here("profiles", "calibrate", "raspberry-pi-4", "--forget") == 0
    assert own.own_measurements("raspberry-pi-4") == []


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        _bench(spec=None),
        _bench(imgsz=100),
        {**_bench(), "results": [{}]},
        _bench(classes=-1),
    ],
)
def test_what_is_no_answer_of_a_bench(tmp_path: Path, answer: Any, capsys: Any) -> None:
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(answer))
    with pytest.raises(DataError):
        own.measurements_of(answer, str(path))
    assert edgeyolo_here("profiles", "calibrate", "raspberry-pi-4", path) == 2
    assert f"{path} is no answer of 'edgeyolo bench" in capsys.readouterr().err
    assert own.own_measurements("raspberry-pi-4") == []


# Own profiles


def _own_profile(name: str, **more: Any) -> Path:
    text = (ROOT / "profiles" / "raspberry-pi-4.yaml").read_text()
    values = {**yaml.safe_load(text), "title": "My board", **more}
    path = own_profiles() / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def test_a_board_of_the_users_own() -> None:
    path = _own_profile("my-board")
    assert "my-board" in profile_names()
    works = work_of(SlimSpec(), 80, 320)
    theirs, mine = (_predictor(name, "ncnn")(works) for name in ("raspberry-pi-4", "my-board"))
    assert mine == theirs
    path.unlink()


@pytest.mark.parametrize(
    ("timing", "words"),
    [
        ({"source": "me", "error_percent": 5}, "needs picoseconds"),
        ({"source": "me", "error_percent": 5, "like": "raspberry-pi-4"}, "latency.ncnn.fp32.like"),
        ({"source": "me", "error_percent": 5, "spread": "1 2"}, "latency.ncnn.fp32.spread"),
        ({"error_percent": 5}, "no key 'latency.ncnn.fp32.source'"),
        (
            {"source": "me", "error_percent": 5, "picoseconds": {"conv9": 1}},
            "there is no term 'conv9'",
        ),
    ],
)
def test_a_latency_that_is_not_whole_is_refused(timing: dict[str, Any], words: str) -> None:
    path = _own_profile("bad-board", latency={"ncnn": {"fp32": timing}})
    try:
        with pytest.raises(ConfigError) as refused:
            load_profile("bad-board")
        assert words in refused.value.message
        assert str(path) in refused.value.message
    finally:
        path.unlink()


# The command


def _asked(*arguments: object, capsys: pytest.CaptureFixture[str]) -> Any:
    code = edgeyolo_here("predict", *arguments, "--json")
    told = capsys.readouterr()
    assert code == 0, told.err
    return json.loads(told.out)


def test_the_command_and_the_table_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board, engine, precision, threads, width, depth, most, heads, bins, classes, imgsz = (
        ASKED.split(",")
    )
    one = _asked(
        *("--profile", board, "--engine", engine, "--precision", precision, "--threads", threads),
        *("--width", width, "--depth", depth, "--max-channels", most),
        *("--heads", heads.replace(" ", ","), "--reg-max", bins, "--classes", classes),
        *("--imgsz", imgsz),
        capsys=capsys,
    )
    assert set(one) >= {"latency_ms", "low_ms", "high_ms", "origin"}
    table = tmp_path / "specs.csv"
    other = ASKED.replace("0.5,1.0", "0.25,0.33").replace("pi-4", "pi-5")
    table.write_text(f"{COLUMNS}\n{other}\n{ASKED}\n{other}\n")
    several = _asked("--csv", table, capsys=capsys)
    assert several[1] == one
    assert several[0] == several[2] != one
    assert several[0]["profile"] == "raspberry-pi-5"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("0.5,", "wide,"), ":3: could not convert string to float: 'wide'"),
        (("0.5,", "0.51,"), ":3: A width of 0.51 is not possible"),
        (("P3 P4 P5", "P3 P5"), ":3: P3 and P5 cannot be kept without P4"),
        (("raspberry-pi-4", "pi"), ":3: There is no device profile 'pi'"),
        ((",320", ",321"), ":3: An image size of 321 is not possible"),
        ((",80,", ",0,"), ":3: 0 classes are not possible"),
        (("fp32", "fp8"), ":3: No latency of onnxruntime in fp8"),
    ],
)
def test_a_bad_line_of_the_table_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], words: str
) -> None:
    table = tmp_path / "specs.csv"
    table.write_text(f"{COLUMNS}\n{ASKED}\n{ASKED.replace(*change)}\n")
    assert edgeyolo_here("predict", "--csv", table, "--json") == 2
    told = capsys.readouterr()
    assert f"{table}{words}" in told.err
    assert told.out == ""


def test_a_table_without_a_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "specs.csv"
    rows = [row[:-1] for row in csv.reader([COLUMNS, ASKED])]
    table.write_text("\n".join(",".join(row) for row in rows))
    assert edgeyolo_here("predict", "--csv", table) == 2
    assert "has no column 'imgsz'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "No board is named."),
        (("--profile", "raspberry-pi-4", "--ncnn-param", "x.param"), "size of the input"),
        (
            ("--profile", "raspberry-pi-4", "--ncnn-param", "x.param", "--input", "0x5"),
            "'0x5' is no size of an input",
        ),
        (
            ("--profile", "raspberry-pi-4", "--ncnn-param", "x.param", "--input", "32x32"),
            "x.param cannot be read",
        ),
        (("--profile", "raspberry-pi-4", "--imgsz", "33"), "An image size of 33"),
    ],
)
def test_what_the_command_refuses(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert edgeyolo_here("predict", *arguments) == 2
    assert words in capsys.readouterr().err


def test_all_engines_in_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert edgeyolo_here("predict", "--profile", "raspberry-pi-5", "--width", "0.125") == 0
    told = capsys.readouterr().out
    assert "w0.125-d0.33 at 640 px on Raspberry Pi 5" in told
    for engine in ("ncnn fp32", "ncnn int8", "onnxruntime fp32", "openvino fp32"):
        assert f"\n{engine} " in told
    assert told.count("~") == 6  # predicted figures look like it
