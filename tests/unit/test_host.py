"""This machine, described as a board is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeyolo.device.engine import available_cores
from edgeyolo.measure import own
from edgeyolo.measure.host import host_profile, profile_of
from edgeyolo.measure.own import Measurement
from edgeyolo.measure.predict import Predictor
from edgeyolo.measure.work import work_of
from edgeyolo.profiles import Cache
from edgeyolo.slim.spec import SlimSpec
from tests.command import edgeyolo_here


def _cpu(folder: Path, *caches: tuple[str, str, str, str]) -> Path:
    for index, values in enumerate(caches):
        place = folder / "cache" / f"index{index}"
        place.mkdir(parents=True)
        for name, value in zip(("level", "type", "size", "shared_cpu_list"), values, strict=True):
            (place / name).write_text(f"{value}\n")
    (folder / "cpufreq").mkdir()
    (folder / "cpufreq" / "cpuinfo_max_freq").write_text("2400000\n")
    return folder


def test_a_machine_describes_itself(tmp_path: Path) -> None:
    cpu = _cpu(
        tmp_path,
        ("1", "Data", "64K", "0"),
        ("1", "Instruction", "64K", "0"),
        ("2", "Unified", "512K", "0"),
        ("3", "Unified", "2048K", "0-3"),
    )
    (tmp_path / "cpuinfo").write_text("processor: 0\nFeatures\t: fp asimd asimdhp asimddp\n")
    profile = host_profile(cpu, tmp_path / "cpuinfo")
    assert profile.caches == {
        "L1d": Cache(64, "core"),
        "L1i": Cache(64, "core"),
        "L2": Cache(512, "core"),
        "L3": Cache(2048, "chip"),
    }
    assert profile.clocks["as it is"].mhz == 2400
    assert (profile.isa.fp16, profile.isa.dotprod, profile.isa.i8mm) == (True, True, False)
    assert profile.flop_per_cycle.fp32.low == 16
    nothing = host_profile(tmp_path / "none", tmp_path / "none")
    assert nothing.flop_per_cycle.fp32.low == 8
    assert nothing.caches


def test_this_very_machine(capsys: pytest.CaptureFixture[str]) -> None:
    profile = profile_of("host")
    assert profile.cores.count == available_cores()
    assert set(profile.latency) == {name for name, one in profile.engines.items() if one.available}
    assert edgeyolo_here("profiles", "host") == 0
    assert profile.title in capsys.readouterr().out
    assert edgeyolo_here("profiles", "host", "--json") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "host"
    assert edgeyolo_here("profiles") == 0
    assert "\nhost " in capsys.readouterr().out


def test_before_a_bench_little_is_known_and_then_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEYOLO_CONFIG_DIR", str(tmp_path))
    spec, threads = SlimSpec(width=0.125), available_cores()
    works = work_of(spec, 80, 320)

    def predicted() -> tuple[float, float]:
        answer = Predictor(profile_of("host"), "onnxruntime")(works)
        return answer.latency_ms, answer.high_ms / answer.low_ms

    (before, unsure) = predicted()
    assert unsure > 4
    real = 2.5 * before
    own.keep("host", [Measurement("onnxruntime", "fp32", threads, spec, 80, 320, real)])
    (after, surer) = predicted()
    assert after == pytest.approx(real, rel=0.05)
    assert surer < 1.6
