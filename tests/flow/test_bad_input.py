"""Bad input: one clear sentence, the right exit code, nothing half-written."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeyolo.device.bundle import Bundle
from tests.command import edgeyolo

pytestmark = pytest.mark.xdist_group("bad-input")


@pytest.fixture
def data(small_demo: Path, tmp_path: Path) -> Path:
    """A copy of the small demo data that a test may break."""
    return Path(shutil.copytree(small_demo.parent, tmp_path / "data"))


def first_label(data: Path) -> Path:
    return next(path for path in sorted((data / "labels/train").glob("*.txt")) if path.read_text())


def refused(*arguments: object, cwd: Path, code: int = 2) -> str:
    """Run a command that must fail; return what it said, which is at most two lines."""
    before = sorted(cwd.rglob("*"))
    done = edgeyolo(*arguments, cwd=cwd)
    assert done.returncode == code, (done.returncode, done.stderr)
    assert done.stdout == "" and "Traceback" not in done.stderr
    new = [path for path in sorted(cwd.rglob("*")) if path not in before]
    assert [path.name for path in new] in ([], ["runs"])
    lines = [line for line in done.stderr.splitlines() if line.startswith("edgeyolo: ")]
    assert len(lines) == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("9 0.5 0.5 0.1 0.1", "class 9 is out of range"),
        ("0 0.5 x 0.1 0.1", "'x' is not a number"),
        ("0 1.4 0.5 0.1 0.1", "outside the image"),
        ("0 0.5 0.5 0.1", "not a box"),
    ],
)
def test_broken_label(line: str, said: str, data: Path, in_tmp: Path) -> None:
    label = first_label(data)
    label.write_text(label.read_text().rstrip() + f"\n{line}\n")
    number = len(label.read_text().splitlines())
    message = refused("slim", "--data", data / "data.yaml", "--name", "bad", cwd=in_tmp)
    assert said in message
    assert f"{label} line {number}" in message


def test_unreadable_image(data: Path, in_tmp: Path) -> None:
    image = sorted((data / "images/val").iterdir())[0]
    image.write_bytes(b"not a picture")
    message = refused("slim", "--data", data / "data.yaml", "--name", "bad", cwd=in_tmp)
    assert str(image) in message


def test_no_labels_at_all(data: Path, in_tmp: Path) -> None:
    shutil.rmtree(data / "labels")
    message = refused("slim", "--data", data / "data.yaml", "--name", "bad", cwd=in_tmp)
    assert "has a label" in message


def test_missing_and_malformed_data_yaml(data: Path, in_tmp: Path) -> None:
    assert "no data set at" in refused("slim", "--data", "nowhere.yaml", cwd=in_tmp)
    (data / "data.yaml").write_text("names: [a\ntrain: x")
    assert "line 2" in refused("slim", "--data", data / "data.yaml", cwd=in_tmp)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--width", 0.1), "0.09375 and 0.109375"),
        (("--heads", "P3,P6"), "P6"),
        (("--heads", "P3,P5"), "P4"),
        (("--reg-max", 5), "nearest is 4"),
        (("--engine", "tensorrt"), "onnxruntime, ncnn, openvino"),
        (("--from", "yolov8q.pt"), "yolov8q"),
        (("--from", "yolov8s"), "edgeyolo fetch yolov8s"),
        (("--imgsz", 300), "288 | 320"),
        (("--epochs", 0), "epochs"),
        (("--batch", 0), "batch"),
        (("--width", 0.5), "--width 0.25 or less"),
        (("--depth", 0.67), "depth"),
        (("--engine", ","), "engine"),
    ],
)
def test_impossible_request(flags: tuple[str, object], said: str, data: Path, in_tmp: Path) -> None:
    message = refused("slim", "--data", data / "data.yaml", *flags, cwd=in_tmp)
    assert any(word.strip() in message for word in said.split("|"))


def test_device_that_is_not_there(data: Path, in_tmp: Path) -> None:
    said = refused("slim", "--data", data / "data.yaml", "--device", "cuda:7", cwd=in_tmp)
    assert "no device 'cuda:7'" in said and "cpu" in said


class Evil:
    """A pickle that runs code when it is opened without an allow-list."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("kind", ["text", "empty", "evil", "evil-torch", "other", "folder"])
def test_checkpoint_that_is_not_one(kind: str, tmp_path: Path, in_tmp: Path) -> None:
    import torch

    path, trap = tmp_path / "bad", tmp_path / "trap"
    path = path.with_suffix(".pt")
    if kind == "folder":
        path.mkdir()
    elif kind == "evil-torch":
        torch.save({"model": Evil(trap)}, path)
    elif kind == "other":
        torch.save({"model": torch.nn.Linear(2, 2)}, path)
    else:
        content = {"text": b"hello", "empty": b"", "evil": pickle.dumps(Evil(trap))}
        path.write_bytes(content[kind])
    message = refused("export", path, "--out", in_tmp / "out", cwd=in_tmp)
    assert str(path) in message
    assert not trap.exists(), "the checkpoint ran code"


def test_starting_net_that_is_not_one(data: Path, in_tmp: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pt"
    bad.write_bytes(b"hello")
    message = refused("slim", "--data", data / "data.yaml", "--from", bad, cwd=in_tmp)
    assert str(bad) in message


@pytest.mark.real_data
def test_a_damaged_official_net_is_neither_deleted_nor_fetched(
    test_data: Path, in_tmp: Path
) -> None:
    """ultralytics would remove a damaged file of that name and download it again."""
    half = in_tmp / "yolov8n.pt"
    half.write_bytes((test_data / "weights" / "yolov8n.pt").read_bytes()[:3_000_000])
    message = refused("export", "yolov8n.pt", "--out", "out", cwd=in_tmp)
    assert "yolov8n.pt is not a checkpoint" in message
    assert half.stat().st_size == 3_000_000


def test_plan_that_is_not_one(in_tmp: Path) -> None:
    (in_tmp / "run").mkdir()
    (in_tmp / "run" / "plan.json").write_text('{"format": "something else"}')
    done = edgeyolo("resume", "run", cwd=in_tmp)
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_damaged_and_foreign_bundles(slim_bundle: Path, tmp_path: Path, in_tmp: Path) -> None:
    bundle = Path(shutil.copytree(slim_bundle, tmp_path / "bundle"))
    weights = bundle / "model.ncnn.bin"
    content = bytearray(weights.read_bytes())
    content[1000] ^= 1
    weights.write_bytes(content)
    for command in (("run", bundle, "--source", bundle), ("val", bundle), ("bench", bundle)):
        assert "checksum" in refused(*command, cwd=in_tmp)
    assert "is not a bundle" in refused("bench", tmp_path, cwd=in_tmp)


def test_camera_that_is_not_there(slim_bundle: Path, in_tmp: Path) -> None:
    message = refused("run", slim_bundle, "--camera", 63, cwd=in_tmp, code=4)
    assert "Camera 63" in message


def test_engine_that_is_not_installed(slim_bundle: Path, in_tmp: Path) -> None:
    """The package is hidden from the child by a module that says it is not there."""
    hidden = in_tmp / "hide"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys; sys.modules['ncnn'] = None\n")
    for command in (("bench", slim_bundle), ("run", slim_bundle, "--camera", 63)):
        done = edgeyolo(
            *(*command, "--engine", "ncnn"),
            cwd=in_tmp,
            env={"PYTHONPATH": str(hidden)},
        )
        assert done.returncode == 3, done.stderr
        assert 'python3 -m pip install "edgeyolo[ncnn]"' in done.stderr


def test_unknown_key_in_the_configuration(in_tmp: Path) -> None:
    (in_tmp / "edgeyolo.toml").write_text("imgzs = 320\n")
    assert "'imgsz'" in refused("config", "show", cwd=in_tmp)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(mount)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting needs root")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def test_full_disk_while_exporting(slim_bundle: Path, tiny_disk: Path, tmp_path: Path) -> None:
    from edgeyolo.slim.checkpoint import save_checkpoint
    from edgeyolo.slim.net import build
    from edgeyolo.slim.spec import SlimSpec

    save_checkpoint(build(SlimSpec(width=0.125), ("a",)), tmp_path / "net.pt")
    out = tiny_disk / "bundle"
    done = edgeyolo("export", tmp_path / "net.pt", "--imgsz", 64, "--out", out)
    assert done.returncode == 1, done.stderr
    assert str(tiny_disk) in done.stderr and "Traceback" not in done.stderr
    whole = list(out.iterdir()) if out.exists() else []  # bundles that still had room
    assert len(whole) < 3
    for folder in whole:
        Bundle.open(folder)
    assert list(tiny_disk.iterdir()) == ([out] if whole else [])


def test_full_disk_while_training(small_demo: Path, tiny_disk: Path) -> None:
    done = edgeyolo(
        *("slim", "--width", 0.125, "--imgsz", 64, "--epochs", 1, "--wide-epochs", 1),
        *("--data", small_demo, "--name", "full"),
        cwd=tiny_disk,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "full" in done.stderr or "space" in done.stderr


def test_read_only_run_folder(small_demo: Path, tiny_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    done = edgeyolo("slim", "--data", small_demo, cwd=tiny_disk)
    assert done.returncode == 1, done.stderr
    assert "read-only" in done.stderr and "Traceback" not in done.stderr
