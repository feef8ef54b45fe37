"""A damaged bundle never reaches an engine, and every refusal says what to do."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cv2")

from edgeyolo.device.bundle import MANIFEST, Bundle
from edgeyolo.device.detector import Detector
from edgeyolo.device.engine import engine_names, load_engine
from edgeyolo.errors import BundleError, EdgeyoloError, MissingDependencyError, UsageError

MakeBundle = Callable[..., Path]


@pytest.fixture
def fresh(make_bundle: MakeBundle, tmp_path: Path) -> Path:
    """A sound bundle that may be damaged."""
    return make_bundle(tmp_path / "bundle")


def _digest(manifest: dict[str, Any]) -> str:
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest and sign it anew, as a program would that knows the format."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text())
    del manifest["sha256"]
    change(manifest)
    path.write_text(json.dumps({**manifest, "sha256": _digest(manifest)}))


def _refused(folder: Path | str) -> BundleError:
    with pytest.raises(BundleError) as caught:
        Bundle.open(folder)
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value


def test_round_trip(make_bundle: MakeBundle, tmp_path: Path) -> None:
    folder = make_bundle(
        tmp_path / "b",
        names=("größe", "日本", ""),
        strides=(16,),
        reg_max=1,
        provenance={"spec": {"width": 0.125}, "nan": None},
    )
    bundle = Bundle.open(folder)
    assert bundle.names == ("größe", "日本", "")
    assert (bundle.height, bundle.width, bundle.strides, bundle.reg_max) == (64, 96, (16,), 1)
    assert json.loads((folder / MANIFEST).read_text()) == bundle.to_manifest()
    assert bundle.size_bytes("null") == 256
    assert bundle.file("null", "model").read_bytes() == bytes(range(256))


@pytest.mark.parametrize("spelling", ["folder", "manifest", "text", "slash"])
def test_ways_to_name_it(fresh: Path, spelling: str) -> None:
    paths = {
        "folder": fresh,
        "manifest": fresh / MANIFEST,
        "text": str(fresh),
        "slash": f"{fresh}/",
    }
    assert Bundle.open(paths[spelling]).root == fresh


def test_opened_in_its_own_folder(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fresh)
    assert Bundle.open(MANIFEST).names == ("cat", "dog")


@pytest.mark.parametrize("position", [0, 100, 255])
def test_flipped_byte(fresh: Path, position: int) -> None:
    data = bytearray((fresh / "model.bin").read_bytes())
    data[position] ^= 1
    (fresh / "model.bin").write_bytes(data)
    assert "checksum" in _refused(fresh).message


def test_every_flipped_bit_of_the_manifest(fresh: Path) -> None:
    path = fresh / MANIFEST
    sound = path.read_bytes()
    values = json.loads(sound)
    for position in range(0, len(sound), 7):
        path.write_bytes(sound[:position] + bytes([sound[position] ^ 1]) + sound[position + 1 :])
        try:
            same = json.loads(path.read_bytes()) == values  # a space became another blank
        except ValueError:
            same = False
        if not same:
            _refused(fresh)


@pytest.mark.parametrize("data", [b"", bytes(range(255)), bytes(range(256)) + b"\0"])
def test_other_length(fresh: Path, data: bytes) -> None:
    (fresh / "model.bin").write_bytes(data)
    _refused(fresh)


def test_missing_file(fresh: Path) -> None:
    (fresh / "model.bin").unlink()
    assert "model.bin" in _refused(fresh).message


def test_folder_instead_of_a_file(fresh: Path) -> None:
    (fresh / "model.bin").unlink()
    (fresh / "model.bin").mkdir()
    _refused(fresh)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b'"edgeyolo-bundle"',
        b"{}",
        b'{"format": "other"}',
        b'{"format": ["edgeyolo-bundle"]}',
        b'{"format": "edgeyolo-bundle"}',
        b'{"format": "edgeyolo-bundle", "version": 1}',
        b'{"format": "edgeyolo-bundle", "version": 1, "sha256": 5}',
        b"[" * 200_000,
        b'{"format": ' + b"9" * 5000 + b"}",
    ],
)
def test_foreign_manifest(fresh: Path, content: bytes) -> None:
    (fresh / MANIFEST).write_bytes(content)
    _refused(fresh)


@pytest.mark.parametrize("version", [0, 2, "1", None, [], 1.5])
def test_other_version(fresh: Path, version: Any) -> None:
    _rewrite(fresh, lambda manifest: manifest.update(version=version))
    assert "version" in _refused(fresh).message


KEYS = ["name", "precision", "names", "input", "strides", "reg_max", "engines", "license"]


@pytest.mark.parametrize("key", [*KEYS, "files", "provenance", "format", "version"])
def test_missing_key(fresh: Path, key: str) -> None:
    _rewrite(fresh, lambda manifest: manifest.pop(key))
    _refused(fresh)


@pytest.mark.parametrize("key", [*KEYS, "files"])
@pytest.mark.parametrize("value", [None, 5, {}, [], [[]], {"a": 1}, [None], -1.5])
def test_key_of_another_kind(fresh: Path, key: str, value: Any) -> None:
    _rewrite(fresh, lambda manifest: manifest.update({key: value}))
    if key == "reg_max" and value == 5:
        pytest.skip("a number of bins like any other")
    _refused(fresh)


@pytest.mark.parametrize(
    "changes",
    [
        {"input": {"height": "64", "width": 96}},
        {"input": {"height": 0, "width": 96}},
        {"input": {"height": 64}},
        {"strides": [8, 0]},
        {"strides": [8, True]},
        {"names": "cat"},
        {"names": {"0": "cat"}},
        {"engines": [{"name": "null"}]},
        {"engines": [{"files": {"model": "model.bin"}}]},
        {"engines": [{"name": "null", "files": ["model.bin"]}]},
        {"engines": [{"name": "null", "files": {"model": "other.bin"}}]},
        {"engines": [{"name": "null", "files": {"model": "../secret"}}]},
        {"files": {"model.bin": {}}},
        {"files": {"model.bin": {"bytes": 256}}},
        {"files": {"model.bin": "0" * 64}},
        {"files": {"model.bin": {"bytes": "256", "sha256": "0"}}},
    ],
)
def test_inner_value_of_another_kind(fresh: Path, changes: dict[str, Any]) -> None:
    _rewrite(fresh, lambda manifest: manifest.update(changes))
    _refused(fresh)


@pytest.mark.parametrize(
    "name", ["../secret", "/{parent}/secret", "sub/../../secret", "..\\secret", "..", ".", ""]
)
def test_a_file_outside_the_folder_is_refused(fresh: Path, name: str) -> None:
    secret = fresh.parent / "secret"
    secret.write_bytes(b"x")
    name = name.replace("/{parent}", str(fresh.parent))
    entry = {"bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}

    def point_outside(manifest: dict[str, Any]) -> None:
        manifest["files"] = {name: entry}
        manifest["engines"] = [{"name": "null", "files": {"model": name}}]

    _rewrite(fresh, point_outside)
    _refused(fresh)


def test_an_added_file_outside_the_folder_is_not_even_read(fresh: Path) -> None:
    entry = {"bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    (fresh.parent / "secret").write_bytes(b"x")
    _rewrite(fresh, lambda manifest: manifest["files"].update({"../secret": entry}))
    _refused(fresh)


@pytest.mark.parametrize("kind", ["nothing", "file", "empty folder"])
def test_not_a_bundle(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "file":
        path.write_text("x")
    elif kind == "empty folder":
        path.mkdir()
    error = _refused(path)
    assert str(path) in error.message
    assert "edgeyolo export" in error.hint


def test_the_first_engine_is_the_default(make_bundle: MakeBundle, tmp_path: Path) -> None:
    files = {"model": "model.bin"}
    folder = make_bundle(tmp_path / "b", engines={"openvino": files, "ncnn": files})
    bundle = Bundle.open(folder)
    assert bundle.default_engine == "openvino"
    assert bundle.with_default(None) == "openvino"
    assert bundle.with_default("ncnn") == "ncnn"
    assert bundle.with_default("null") == "null"
    with pytest.raises(BundleError, match="onnxruntime") as caught:
        bundle.with_default("onnxruntime")
    assert "openvino, ncnn" in caught.value.hint


@pytest.mark.parametrize(("engine", "role"), [("null", "param"), ("ncnn", "model")])
def test_a_role_that_is_not_there(null_bundle: Path, engine: str, role: str) -> None:
    with pytest.raises(BundleError, match=role):
        Bundle.open(null_bundle).file(engine, role)


@pytest.mark.parametrize("shape", [(64, 96), (1, 1), (480, 640)])
@pytest.mark.parametrize("multi_label", [True, False])
def test_the_null_engine_finds_nothing(
    null_bundle: Path, shape: tuple[int, int], multi_label: bool
) -> None:
    found = Detector(null_bundle, multi_label=multi_label)(np.zeros((*shape, 3), np.uint8))
    assert len(found) == 0
    assert found.xyxy.shape == (0, 4)
    assert found.to_list(("cat", "dog")) == []


@pytest.mark.parametrize("name", ["tensorrt", "", "../bundle", "__init__"])
def test_unknown_engine(null_bundle: Path, name: str) -> None:
    with pytest.raises(UsageError):
        Detector(null_bundle, name)
    with pytest.raises(UsageError) as caught:
        load_engine(Bundle.open(null_bundle), name)
    for known in engine_names():
        assert known in caught.value.hint


@pytest.mark.parametrize("engine", ["onnxruntime", "ncnn", "openvino"])
def test_engine_not_installed(
    make_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setitem(sys.modules, engine, None)
    monkeypatch.delitem(sys.modules, f"edgeyolo.device.engines.{engine}", raising=False)
    folder = make_bundle(tmp_path / "b", engines={engine: {"model": "model.bin"}})
    with pytest.raises(MissingDependencyError) as caught:
        Detector(folder)
    assert caught.value.hint == f'Install it with: python3 -m pip install "edgeyolo[{engine}]"'
    assert engine in caught.value.message.lower()


@pytest.mark.parametrize(
    ("engine", "roles"),
    [("onnxruntime", ("model",)), ("ncnn", ("param", "bin")), ("openvino", ("model", "bin"))],
)
def test_an_engine_that_refuses_its_file(
    make_bundle: MakeBundle, tmp_path: Path, engine: str, roles: tuple[str, ...]
) -> None:
    pytest.importorskip(engine)
    folder = make_bundle(tmp_path / "b", engines={engine: dict.fromkeys(roles, "model.bin")})
    with pytest.raises(BundleError, match=engine) as caught:
        Detector(folder)
    assert caught.value.hint
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("text", ["", "\n", "first\nsecond"])
def test_an_engine_that_says_little(
    null_bundle: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    from edgeyolo.device.engines import null

    def fail(*_: object) -> None:
        raise RuntimeError(text)

    monkeypatch.setattr(null.Engine, "__init__", fail)
    with pytest.raises(BundleError, match="null cannot load") as caught:
        Detector(null_bundle)
    assert "second" not in caught.value.message


@pytest.mark.parametrize(
    "error",
    [
        ImportError("libgomp.so.1: cannot open shared object file", name="ncnn"),
        ModuleNotFoundError("No module named 'tqdm'", name="tqdm"),
    ],
)
def test_an_engine_that_is_installed_but_broken(
    make_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: ImportError
) -> None:
    def fail(name: str) -> None:
        raise error

    monkeypatch.setattr("edgeyolo.device.engine.import_module", fail)
    folder = make_bundle(tmp_path / "b", engines={"ncnn": {"model": "model.bin"}})
    with pytest.raises(EdgeyoloError, match="ncnn is installed but") as caught:
        Detector(folder)
    assert type(caught.value) is EdgeyoloError
    assert str(error) in caught.value.message
    assert "edgeyolo doctor" in caught.value.hint


@pytest.mark.parametrize("error", [RuntimeError("no memory\nat line 5"), MemoryError()])
def test_an_engine_that_gives_up_on_an_image(
    null_bundle: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    from edgeyolo.device.engines import null

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(null.Engine, "infer", fail)
    with pytest.raises(EdgeyoloError, match="null failed on an image: ") as caught:
        Detector(null_bundle)(np.zeros((9, 9, 3), np.uint8))
    assert caught.value.exit_code == 1
    assert caught.value.hint
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_an_engine_refuses_an_input_of_the_wrong_shape(slim_bundle: Path, engine: str) -> None:
    pytest.importorskip(engine)
    with pytest.raises(EdgeyoloError, match=f"{engine} failed"):
        Detector(slim_bundle, engine).infer(np.zeros((1, 2, 64, 64), np.float32))
