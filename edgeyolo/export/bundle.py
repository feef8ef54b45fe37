"""Write a bundle: the files of each engine and the manifest that describes them."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import edgeyolo
from edgeyolo.device.bundle import MANIFEST, Bundle
from edgeyolo.errors import MissingDependencyError, UsageError
from edgeyolo.files import new_folder, write_json
from edgeyolo.slim.checkpoint import names_of, spec_of
from edgeyolo.slim.net import count_gflops, count_parameters
from edgeyolo.slim.spec import check_imgsz
from edgeyolo.versions import installed

if TYPE_CHECKING:
    from ultralytics.nn.tasks import DetectionModel

ENGINES = ("onnxruntime", "ncnn", "openvino")
_PACKAGES = ("torch", "ultralytics", "onnx", "onnxruntime", "ncnn", "pnnx", "openvino")


def write_bundle(
    net: DetectionModel,
    imgsz: int,
    engines: Sequence[str],
    out: Path,
    *,
    force: bool = False,
    provenance: dict[str, Any] | None = None,
) -> Bundle:
    """Export a net to ``out``, whole or not at all; the first engine becomes the default.

    Raises:
        UsageError: for an unknown engine, a size that is no multiple of 32, or an ``out`` that
            exists and ``force`` is not given.
        MissingDependencyError: when an exporter is not installed.
    """
    check_request(engines, imgsz, out, force=force)
    from edgeyolo.export.graph import RawHeads

    strides, graph = spec_of(net).strides, RawHeads(net)
    with new_folder(out, replace=force) as work:
        files = {engine: _exporter(engine).write(graph, imgsz, strides, work) for engine in engines}
        bundle = _describe(net, imgsz, work, files, provenance or {})
        write_json(work / MANIFEST, bundle.to_manifest())
    return Bundle.open(out)


def _describe(
    net: DetectionModel,
    imgsz: int,
    root: Path,
    files: dict[str, dict[str, str]],
    provenance: dict[str, Any],
) -> Bundle:
    spec = spec_of(net)
    facts = {"parameters": count_parameters(net), "gflops": round(count_gflops(net, imgsz), 4)}
    return Bundle(
        root=root,
        name=spec.name,
        precision="fp32",
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


def check_request(engines: Sequence[str], imgsz: int, out: Path, *, force: bool) -> None:
    """Refuse what cannot work before anything long is done."""
    for engine in engines:
        if engine not in ENGINES:
            raise UsageError(
                f"There is no engine {engine!r} to export to.",
                f"The engines are {', '.join(ENGINES)}.",
            )
    check_imgsz(imgsz)
    if out.exists() and not force:
        raise UsageError(f"{out} exists already.", "Choose another --out, or add --force.")
    if out.exists() and not _may_replace(out):
        raise UsageError(f"{out} is not a bundle, so it is not replaced.", "Choose another --out.")


def _may_replace(out: Path) -> bool:
    return out.is_dir() and ((out / MANIFEST).is_file() or not any(out.iterdir()))


def _exporter(engine: str) -> Any:
    try:
        return import_module(f"edgeyolo.export.{engine}")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(str(error.name), "workshop") from error


def _versions() -> dict[str, str]:
    own = {"edgeyolo": edgeyolo.__version__, "python": platform.python_version()}
    return own | installed(_PACKAGES)
