"""edgeyolo doctor: it tells what works, and survives what does not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeyolo.device.engine import ENGINES, engine_names
from edgeyolo.doctor import board, gpu, packages, system
from edgeyolo.doctor.child import Outcome, ask
from edgeyolo.doctor.engines import check_any, check_engine
from edgeyolo.doctor.findings import Finding, Section
from edgeyolo.doctor.opencv import check_opencv
from edgeyolo.doctor.probes import convolution
from edgeyolo.doctor.text import section_text, summary
from tests.command import edgeyolo, edgeyolo_json, python

SEGFAULT = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
NO_LIBGL = "libGL.so.1: cannot open shared object file: No such file or directory"
TORCH = {"version": "2.13.0+cu130", "cuda": "13.0", "gpu": None, "gpu_error": ""} | {
    "torchvision": "0.28.0",
    "torchvision_error": "",
}
Fake = Callable[[str, str], None]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Put a module of a name before the installed one, in this test's child processes."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def write(name: str, code: str) -> None:
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")

    return write


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The only packages that the metadata know; to be filled by the test."""
    known: dict[str, str] = {}

    def version(name: str) -> str:
        if name not in known:
            raise metadata.PackageNotFoundError(name)
        return known[name]

    monkeypatch.setattr(metadata, "version", version)
    yield known


def _by_name(answer: Any) -> dict[str, dict[str, str]]:
    return {finding["name"]: finding for finding in answer["findings"]}


def _one(findings: list[Finding], name: str) -> Finding:
    return next(finding for finding in findings if finding.name == name)


def test_all_is_well_in_the_workshop() -> None:
    answer = edgeyolo_json("doctor")
    assert set(answer) == {"ok", "findings", "environment"}
    assert answer["ok"] is True
    assert answer["environment"]["cores"] >= 1
    assert answer["environment"]["versions"]["ncnn"] == metadata.version("ncnn")
    findings = _by_name(answer)
    assert len(findings) == len(answer["findings"]), "each finding has a name of its own"
    for finding in findings.values():
        assert set(finding) == {"section", "name", "status", "detail", "remedy"}
        assert finding["status"] in ("ok", "note")
    for name in ("onnxruntime", "ncnn", "openvino"):
        assert findings[name]["status"] == "ok"
        assert findings[name]["detail"] == f"{metadata.version(name)}, computes correctly"
    for name in ("Python", "base", "workshop", "OpenCV", "torch", "torchvision"):
        assert findings[name]["status"] == "ok"
    assert "matches torch" in findings["torchvision"]["detail"]


def test_a_sick_machine_is_told_so_and_doctor_survives(fake: Fake) -> None:
    fake("ncnn", SEGFAULT)
    fake("onnxruntime", "raise ModuleNotFoundError(\"No module named 'onnxruntime'\")")
    fake("cv2", f"raise ImportError({NO_LIBGL!r})")
    fake("torch", "raise OSError('libcudnn.so.9: wrong ELF class')")
    done = edgeyolo("doctor", env={"COLUMNS": "100"})
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    ncnn = lines.index("  PROBLEM  ncnn            killed by SIGSEGV")
    assert "python3 -m pip install --force-reinstall --no-deps ncnn" in lines[ncnn + 1]
    missing = lines.index("  note     onnxruntime     not installed; one engine is enough")
    assert lines[missing + 1].endswith('python3 -m pip install "edgeyolo[onnxruntime]"')
    assert any(line.startswith("  ok       openvino ") for line in lines)
    assert any(line.startswith("  PROBLEM  OpenCV          ImportError: libGL") for line in lines)
    assert '           python3 -m pip install "edgeyolo[headless]"' in lines
    assert "  PROBLEM  torch           OSError: libcudnn.so.9: wrong ELF class" in lines
    assert lines[-1].startswith("3 problems, ")


def test_broken_base_packages_are_the_only_finding(fake: Fake) -> None:
    fake("numpy", "raise ImportError('libopenblas.so.0: wrong ELF class')")
    done = edgeyolo("doctor", "--json")
    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["ok"], answer["environment"]) == (False, {})
    assert [finding["name"] for finding in answer["findings"]] == ["base"]
    assert "libopenblas.so.0" in answer["findings"][0]["detail"]
    assert "numpy" in answer["findings"][0]["remedy"]


def test_the_doctor_itself_imports_nothing_that_it_tries(fake: Fake) -> None:
    for name in ("torch", "ultralytics"):  # empty ones: quick to import, and seen if they were
        fake(name, "")
    out = python("""
import sys
from edgeyolo.cli.main import main
sys.argv = ["edgeyolo", "doctor"]
try:
    main()
except SystemExit:
    print("modules:", *sorted({name.partition(".")[0] for name in sys.modules}))
""")
    loaded = out.splitlines()[-1].removeprefix("modules:").split()
    assert "psutil" in loaded
    assert not {"torch", "ultralytics", "torchvision", "cv2", *ENGINES} & set(loaded)


def test_a_file_of_the_user_named_like_a_package_does_not_hide_it(in_tmp: Path) -> None:
    (in_tmp / "ncnn.py").write_text(SEGFAULT, encoding="utf-8")
    outcome = ask(("-m", "edgeyolo.doctor.probes.ncnn"))
    assert check_engine("ncnn", outcome).status == "ok"


def test_an_engine_that_crashes() -> None:
    finding = check_engine("ncnn", ask(("-c", SEGFAULT)))
    assert (finding.status, finding.detail) == ("problem", "killed by SIGSEGV")
    assert "--force-reinstall" in finding.remedy
    illegal = check_engine("ncnn", ask(("-c", SEGFAULT.replace("SIGSEGV", "SIGILL"))))
    assert "the processor lacks" in illegal.remedy


def test_an_engine_that_hangs() -> None:
    started = time.monotonic()
    outcome = ask(("-c", "import time; print('{}', flush=True); time.sleep(60)"), timeout=0.5)
    assert time.monotonic() - started < 20
    finding = check_engine("openvino", outcome)
    assert (finding.status, finding.detail) == ("problem", "no answer within 0.5 s")


def test_an_engine_that_is_not_installed() -> None:
    missing = ask(("-c", "raise ModuleNotFoundError(\"No module named 'ncnn.sub'\")"))
    finding = check_engine("ncnn", missing)
    assert finding.status == "note"
    assert 'python3 -m pip install "edgeyolo[ncnn]"' in finding.remedy
    broken = check_engine("openvino", missing)
    assert broken.status == "problem", "something else that the engine needs is missing"


@pytest.mark.parametrize("code", ["", "print('ready')", "print('[1]')", "import os; os._exit(0)"])
def test_an_engine_that_ends_without_an_answer(code: str) -> None:
    assert check_engine("ncnn", ask(("-c", code))).detail == "ended without an answer"


def test_an_engine_that_fails_without_a_word() -> None:
    assert check_engine("ncnn", ask(("-c", "raise SystemExit(7)"))).detail.endswith("exit code 7")


def test_an_engine_that_computes_something_else() -> None:
    right = np.full((1, 16, 6, 6), 144, np.float32)
    with pytest.raises(ArithmeticError, match="computes 100 instead of 144"):
        convolution.check("1.0", right - 44)
    with pytest.raises(ArithmeticError, match="nan"):
        convolution.check("1.0", right * np.nan)
    for wrong in (right[:, :8], np.full((1, 16, 8, 8), 144, np.float32)):
        with pytest.raises(ArithmeticError, match="shape"):
            convolution.check("1.0", wrong)


def test_every_engine_is_tried() -> None:
    assert {*ENGINES, "null"} == set(engine_names())
    for name in ENGINES:
        assert find_spec(f"edgeyolo.doctor.probes.{name}"), f"write a probe for {name}"


def test_no_engine_at_all_is_a_problem() -> None:
    note, fine = Finding("ncnn", "note", "not installed"), Finding("openvino", "ok", "works")
    assert check_any([note, fine]) == []
    [finding] = check_any([note])
    assert finding.status == "problem"
    assert 'pip install "edgeyolo[' in finding.remedy


def test_both_flavors_of_opencv(installed: dict[str, str]) -> None:
    works = Outcome({"version": "5.0.0", "gui": "QT5", "FFMPEG": "yes", "GStreamer": "no"})
    installed["opencv-python"] = "5.0.0.93"
    assert [finding.status for finding in check_opencv(works)] == ["ok"]
    installed["opencv-python-headless"] = "4.9.0.80"
    finding = _one(check_opencv(works), "flavors")
    assert finding.status == "problem"
    assert "pip uninstall -y opencv-python opencv-python-headless\n" in finding.remedy
    assert 'pip install "edgeyolo[headless]"' in finding.remedy
    installed["ultralytics"] = "8.4.190"
    assert 'pip install "edgeyolo[desktop]"' in _one(check_opencv(works), "flavors").remedy


def test_opencv_that_does_not_import(installed: dict[str, str]) -> None:
    missing = Outcome(error="ModuleNotFoundError: No module named 'cv2'", missing="cv2")
    [finding] = check_opencv(missing)
    assert (finding.status, finding.detail) == ("problem", "not installed")
    installed["opencv-python-headless"] = "5.0.0.93"  # its files went with the other flavor's
    [finding] = check_opencv(missing)
    assert finding.remedy.endswith("--force-reinstall --no-deps opencv-python-headless")
    installed.clear()
    installed["opencv-python"] = "5.0.0.93"
    [finding] = check_opencv(Outcome(error="ImportError: numpy._core.multiarray failed"))
    assert finding.remedy.endswith("--force-reinstall --no-deps opencv-python")


def test_missing_packages_are_listed_by_extra(
    installed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        "click>=8.1",
        "tomli>=2.0; python_version < '3.11'",
        "torch>=2.6; extra == 'all'",
        "ncnn>=1.0; extra == 'workshop'",
        "torch>=2.6; extra == 'workshop'",
        'torch-pruning<2,>=1.6; extra == "workshop"',
    ]
    monkeypatch.setattr(metadata, "requires", lambda name: lines)
    installed.update(click="8.5.1", torch="2.13.0")
    base, workshop = packages.check_packages(("ncnn",))
    assert (base.name, base.status, base.detail) == ("base", "ok", "click 8.5.1")
    assert (workshop.name, workshop.status) == ("workshop", "note")
    assert "not installed: torch-pruning; installed: torch 2.13.0" in workshop.detail
    assert workshop.remedy.endswith('python3 -m pip install "edgeyolo[workshop]"')
    installed["torch-pruning"] = "1.6.1"
    assert packages.check_packages(("ncnn",))[1].status == "ok"


@pytest.mark.parametrize(
    ("version", "bits", "status"),
    [
        ((3, 9, 2), 64, "problem"),
        ((3, 10, 0), 64, "ok"),
        ((3, 13, 9), 64, "ok"),
        ((3, 14, 0), 64, "problem"),
        ((3, 11, 2), 32, "problem"),
    ],
)
def test_python(version: tuple[int, ...], bits: int, status: str) -> None:
    finding = system.check_interpreter(version, bits)
    assert finding.status == status
    assert bool(finding.remedy) == (status == "problem")


def test_cores_and_memory() -> None:
    assert system.check_cores(4, 4).status == "ok"
    assert system.check_cores(2, 4).status == "note"
    assert system.check_memory(int(2e9), int(511e6)).status == "note"
    assert system.check_memory(int(2e9), int(513e6)).status == "ok"


def test_folders(tmp_path: Path) -> None:
    assert system.check_folder("cache", tmp_path / "not" / "yet", "").status in ("ok", "note")
    assert not (tmp_path / "not").exists(), "doctor only looks"
    (tmp_path / "file").touch()
    finding = system.check_folder("cache", tmp_path / "file" / "folder", "Choose another.")
    assert (finding.status, finding.remedy) == ("problem", "Choose another.")
    assert "not a directory" in finding.detail


def test_governor(tmp_path: Path) -> None:
    governor = tmp_path / "scaling_governor"
    assert board.check_governor(governor) == []
    governor.write_text("performance\n")
    assert board.check_governor(governor)[0].status == "ok"
    governor.write_text("powersave\n")
    [finding] = board.check_governor(governor)
    assert (finding.status, "vary" in finding.detail) == ("note", True)


@pytest.mark.parametrize(
    ("answer", "status", "detail"),
    [
        ("throttled=0x0\n", "ok", "never"),
        ("throttled=0x50000\n", "note", "under-voltage, throttled"),
        ("throttled=0x50005\n", "problem", "now: under-voltage, throttled"),
        ("throttled=0x80008\n", "problem", "now: temperature limit"),
        ("error=1 error_msg\n", "note", "error=1"),
    ],
)
def test_power_of_a_raspberry_pi(answer: str, status: str, detail: str) -> None:
    finding = board.read_throttled(answer)
    assert finding.status == status
    assert detail in finding.detail


def test_the_firmware_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "vcgencmd"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "power" not in {finding.name for finding in board.check_board()}
    program.write_text("#!/bin/sh\n[ $1 = get_throttled ] && echo throttled=0x1\n")
    program.chmod(0o755)
    assert _one(board.check_board(), "power").detail == "now: under-voltage"
    program.write_text("#!/bin/sh\necho 'VCHI initialization failed' >&2\nexit 1\n")
    assert "VCHI" in _one(board.check_board(), "power").detail


def test_cameras(tmp_path: Path) -> None:
    listed, devices = tmp_path / "listed", tmp_path / "dev"
    assert board.check_cameras(listed, devices).status == "note"
    devices.mkdir()
    for node, name in (("video0", "HD Webcam"), ("video1", "HD Webcam"), ("video10", "pispbe-in")):
        (listed / node).mkdir(parents=True)
        (listed / node / "name").write_text(f"{name}\n")
    for node in ("video0", "video1"):
        assert board.check_cameras(listed, devices).status == "problem", f"no access to {node}"
        (devices / node).touch()
    finding = board.check_cameras(listed, devices)
    assert (finding.status, finding.detail) == ("ok", "HD Webcam (video0, video1)")


def test_gpu_and_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cards, absent = Outcome({"cards": ["NVIDIA H200, 143771 MiB, 570.1"]}), Outcome(missing="torch")

    def statuses(driver: Outcome | None, torch: Outcome) -> list[str]:
        return [finding.status for finding in gpu.check_gpu(driver, torch)]

    assert statuses(None, absent) == ["note"]
    assert statuses(Outcome(error="no driver"), absent) == ["problem"]
    assert statuses(cards, absent) == ["ok"]
    assert statuses(None, Outcome(TORCH)) == ["note", "ok", "ok"]
    assert statuses(None, Outcome(TORCH | {"gpu": "Orin"})) == ["ok", "ok", "ok"]
    assert statuses(cards, Outcome(TORCH | {"gpu": "H200"})) == ["ok", "ok", "ok"]
    assert statuses(None, Outcome(TORCH | {"gpu_error": "no kernel"})) == ["note", "problem", "ok"]
    assert statuses(cards, Outcome(TORCH | {"cuda": None})) == ["ok", "problem", "ok"]
    assert statuses(None, Outcome(error="killed by SIGSEGV")) == ["note", "problem"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert statuses(cards, Outcome(TORCH)) == ["ok", "note", "ok"]


def test_torchvision_that_does_not_match_torch() -> None:
    wrong = TORCH | {"torchvision_error": "operator torchvision::nms does not exist"}
    finding = _one(gpu.check_gpu(None, Outcome(wrong)), "torchvision")
    assert finding.status == "problem"
    assert "same index" in finding.remedy
    assert finding.remedy.endswith("pip install --force-reinstall torch torchvision")


def test_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu.nvidia_smi() is None
    program.write_text("#!/bin/sh\necho 'NVIDIA H200, 143771 MiB, 570.1'\n")
    program.chmod(0o755)
    assert gpu.nvidia_smi() == Outcome({"cards": ["NVIDIA H200, 143771 MiB, 570.1"]})
    program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert gpu.nvidia_smi() == Outcome(error="NVIDIA-SMI has failed")
    program.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    assert gpu.nvidia_smi(timeout=0.2) == Outcome(error="no answer within 0.2 s")
    program.write_text("no program")
    assert gpu.nvidia_smi().error, "what cannot be started is an error too"


def test_the_text_fits_and_needs_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    versions = ", ".join(f"{'p' * length} 2.13.0" for length in range(1, 30))
    long = Finding("workshop", "problem", versions, "one line\n" + "x" * 95)
    text = section_text(Section("Python", [Finding("base", "note", "fine"), long]))
    lines = text.splitlines()
    assert lines[:2] == ["Python", "  note     base            fine"]
    assert lines[2].startswith("  PROBLEM  workshop        p 2.13.0, pp 2.13.0")
    assert all(len(line) <= 100 for line in lines[:-1])
    assert all("p 2.13.0" in line and not line.endswith("p") for line in lines[2:-2])
    assert lines[-2:] == ["           one line", "           " + "x" * 95]
    assert summary([Section("Python", [long])]) == "1 problem, no notes."
