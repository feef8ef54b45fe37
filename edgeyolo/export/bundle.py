"""Write a bundle: the files of each engine and the manifest that describes them."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import edgeyolo
from edgeyolo.device.bundle import MANIFEST, Bundle
from edgeyolo.device.engine import ENGINES
from edgeyolo.errors import MissingDependencyError, UsageError
from edgeyolo.files import new_folder, read_json, write_json
from edgeyolo.slim.checkpoint import names_of, spec_of
from edgeyolo.slim.net import count_gflops, count_parameters
from edgeyolo.slim.spec import check_imgsz
from edgeyolo.versions import installed

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel

    from edgeyolo.export.storage import Storage

# int8 is made from fp32, by the quantizers.
PRECISIONS: tuple[Storage, ...] = ("fp32", "fp16", "int8-weights")
QUANTIZATION = "quantization.json"  # beside an int8 bundle: what a report tells of it
_PACKAGES = ("torch", "ultralytics", "onnx", "onnxruntime", "ncnn", "pnnx", "openvino")


def write_bundle(
    net: DetectionModel,
    imgsz: int,
    engines: Sequence[str],
    out: Path,
    *,
    precision: Storage = "fp32",
    force: bool = False,
    provenance: dict[str, Any] | None = None,
    check: Callable[[Bundle], None] | None = None,
) -> Bundle:
    """Export a net to ``out``, whole or not at all; the first engine becomes the default.

    A precision is how kernels are stored; each engine computes in what its core is good at.
    ``check`` sees the bundle before it is put in place, and may raise.

    Raises:
        UsageError: for an unknown engine, a size that is no multiple of 32, or an ``out`` that
            exists and ``force`` is not given.
        MissingDependencyError: when an exporter is not installed.
    """
    check_request(engines, imgsz, out, precision=precision, force=force)
    from edgeyolo.export.graph import RawHeads

    strides, graph = spec_of(net).strides, RawHeads(net)
    with new_folder(out, replace=force) as work:
        files = {
            engine: _exporter(engine).write(graph, imgsz, strides, work, precision)
            for engine in engines
        }
        bundle = _describe(net, imgsz, precision, work, files, provenance or {})
        write_json(work / MANIFEST, bundle.to_manifest())
        if check:
            check(bundle)
    return Bundle.open(out)


def _describe(
    net: DetectionModel,
    imgsz: int,
    precision: str,
    root: Path,
    files: dict[str, dict[str, str]],
    provenance: dict[str, Any],
) -> Bundle:
    spec = spec_of(net)
    facts = {"parameters": count_parameters(net), "gflops": round(count_gflops(net, imgsz), 4)}
    return Bundle(
        root=root,
        name=spec.name,
        precision=precision,
        names=names_of(net),
        height=imgsz,
        width=imgsz,
        strides=spec.strides,
        reg_max=spec.reg_max,
        engines=files,
        provenance={
            "spec": spec.to_dict(),
            "net": facts,
            **provenance,
            "versions": _versions(),
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        },
    )


def check_request(
    engines: Sequence[str], imgsz: int, out: Path, *, precision: str = "fp32", force: bool
) -> None:
    """Refuse what cannot work before anything long is done."""
    for engine in engines:
        if engine not in ENGINES:
            raise UsageError(
                f"There is no engine {engine!r} to export to.",
                f"The engines are {', '.join(ENGINES)}.",
            )
    if "ncnn" in engines and precision == "int8-weights":
        raise UsageError(
            "ncnn cannot keep weights in int8 and compute in float.",
            "Choose --precision fp16 or int8, or another --engine.",
        )
    check_imgsz(imgsz)
    check_out(out, force=force)


def check_out(out: Path, *, force: bool) -> None:
    """Refuse to write where something is, unless it is a bundle, nothing else, and ``force``.

    Raises:
        UsageError: naming what is in the way.
    """
    if not out.exists():
        return
    if not force:
        raise UsageError(f"{out} exists already.", "Choose another --out, or add --force.")
    found = {path.name for path in out.iterdir()} if out.is_dir() else {""}
    if found and MANIFEST not in found:
        raise UsageError(f"{out} is not a bundle, so it is not replaced.", "Choose another --out.")
    others = sorted(found - {MANIFEST, QUANTIZATION} - _listed(out))
    if others:
        raise UsageError(
            f"{out} holds more than a bundle ({others[0]}), so it is not replaced.",
            "Choose another --out, or take out what is yours.",
        )


def _listed(folder: Path) -> set[str]:
    """Files that the manifest of a folder names."""
    try:
        return set(read_json(folder / MANIFEST)["files"])
    except (OSError, ValueError, LookupError, TypeError):
        return set()


def _exporter(engine: str) -> Any:
    try:
        return import_module(f"edgeyolo.export.{engine}")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(str(error.name), "workshop") from error


def _versions() -> dict[str, str]:
    own = {"edgeyolo": edgeyolo.__version__, "python": platform.python_version()}
    return own | installed(_PACKAGES)
