"""Bundle: the folder that crosses the border between workshop and board.

``bundle.json`` says what the files are; every file, the manifest included, carries its sha256,
and nothing is handed to an engine before they were checked.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

from edgeyolo.errors import BundleError
from edgeyolo.files import sha256

FORMAT = "edgeyolo-bundle"
VERSION = 1
MANIFEST = "bundle.json"


@dataclass(frozen=True, slots=True)
class Bundle:
    """An exported detector.

    The graph's input is (1, 3, height, width) float32, RGB, 0..1; its outputs are, per stride, a
    box tensor (1, 4*reg_max, h, w) and a class tensor (1, classes, h, w), both raw logits.
    """

    root: Path
    name: str
    precision: str
    names: tuple[str, ...]
    height: int
    width: int
    strides: tuple[int, ...]
    reg_max: int
    engines: dict[str, dict[str, str]]  # engine → role of a file ("model", "param") → file name
    license: str = "AGPL-3.0-or-later"
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def default_engine(self) -> str:
        """The first in the manifest."""
        return next(iter(self.engines))

    def file(self, engine: str, role: str) -> Path:
        """Path of one of an engine's files.

        Raises:
            BundleError: when the bundle has no such file.
        """
        name = self.engines.get(engine, {}).get(role)
        if name is None:
            raise BundleError(f"The bundle {self.root} has no {role} of {engine}.", _EXPORT_AGAIN)
        return self.root / name

    def size_bytes(self, engine: str) -> int:
        """Bytes that one engine's files take on the board."""
        return sum((self.root / name).stat().st_size for name in self.engines[engine].values())

    def digest(self, engine: str) -> str:
        """Hexadecimal sha256 of one engine's files, by which a net is known on every machine."""
        names = sorted(self.engines.get(engine, {}).values())
        return _digest({"files": [[name, sha256(self.root / name)] for name in names]})

    def with_default(self, engine: str | None) -> str:
        """The engine asked for, or the default one.

        Raises:
            BundleError: when the bundle was not exported for that engine.
        """
        if engine is None or engine == "null":
            return engine or self.default_engine
        if engine not in self.engines:
            raise BundleError(
                f"The bundle {self.root} holds nothing for {engine}.",
                f"It was exported for {', '.join(self.engines)}.",
            )
        return engine

    @classmethod
    def open(cls, path: Path | str) -> Bundle:
        """Read and verify a bundle folder (or its ``bundle.json``).

        Raises:
            BundleError: when it is missing, damaged, foreign or of a later version.
        """
        root = Path(path)
        root = root.parent if root.name == MANIFEST else root
        manifest = _read_manifest(root)
        try:
            complete = _is_complete(manifest)
        except (AttributeError, LookupError, TypeError, ValueError):
            complete = False
        if not complete:
            raise BundleError(f"{root / MANIFEST} does not describe a bundle.", _EXPORT_AGAIN)
        for name, entry in manifest["files"].items():
            _verify(root / name, entry)
        shape = manifest["input"]
        return cls(
            root=root,
            name=manifest["name"],
            precision=manifest["precision"],
            names=tuple(manifest["names"]),
            height=shape["height"],
            width=shape["width"],
            strides=tuple(manifest["strides"]),
            reg_max=manifest["reg_max"],
            engines={entry["name"]: entry["files"] for entry in manifest["engines"]},
            license=manifest["license"],
            provenance=manifest["provenance"],
        )

    def to_manifest(self) -> dict[str, Any]:
        """What ``bundle.json`` holds; the files must be in place, since they are hashed."""
        names = sorted({name for files in self.engines.values() for name in files.values()})
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "precision": self.precision,
            "license": self.license,
            "names": list(self.names),
            "input": {"height": self.height, "width": self.width, "color": "RGB", "range": [0, 1]},
            "strides": list(self.strides),
            "reg_max": self.reg_max,
            "engines": [{"name": engine, "files": files} for engine, files in self.engines.items()],
            "files": {
                name: {
                    "sha256": sha256(self.root / name),
                    "bytes": (self.root / name).stat().st_size,
                }
                for name in names
            },
            "provenance": self.provenance,
        }
        return {**manifest, "sha256": _digest(manifest)}


def _read_manifest(root: Path) -> dict[str, Any]:
    path = root / MANIFEST
    if not path.is_file():
        raise BundleError(
            f"{root} is not a bundle: it has no {MANIFEST}.",
            "Make one with: edgeyolo export CHECKPOINT --out DIR",
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise BundleError(f"{path} is not readable JSON.", _COPY_AGAIN) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BundleError(f"{path} was not written by edgeyolo.", "Give the folder of a bundle.")
    if manifest.get("version") != VERSION:
        raise BundleError(
            f"{path} has version {manifest.get('version')}, this edgeyolo reads {VERSION}.",
            "Export the bundle again, or update edgeyolo.",
        )
    if manifest.pop("sha256", None) != _digest(manifest):
        raise BundleError(f"{path} was changed after it was written.", _COPY_AGAIN)
    return manifest


_COPY_AGAIN = "Copy the bundle again from where it was made, or export it again."
_EXPORT_AGAIN = "Export the bundle again."


def _is_complete(manifest: dict[str, Any]) -> bool:
    """Whether all values are there, of the right kind, and every file lies in the folder."""
    shape, names, engines = manifest["input"], manifest["names"], manifest["engines"]
    numbers = [shape["height"], shape["width"], manifest["reg_max"], *manifest["strides"]]
    texts = [manifest["name"], manifest["precision"], manifest["license"], *names]
    used = [file for entry in engines for file in entry["files"].values()]
    listed = {file: (entry["bytes"], entry["sha256"]) for file, entry in manifest["files"].items()}
    return (
        all(type(number) is int and number > 0 for number in numbers)
        and all(isinstance(text, str) for text in [*texts, *(entry["name"] for entry in engines)])
        and bool(manifest["strides"] and engines and isinstance(names, list) and names)
        and isinstance(manifest["provenance"], dict)
        and all(file in listed for file in used)
        and all(PureWindowsPath(file).name == file for file in listed)
    )


def _verify(path: Path, entry: dict[str, Any]) -> None:
    if not path.is_file():
        raise BundleError(f"The bundle lacks {path.name}.", _COPY_AGAIN)
    if path.stat().st_size != entry["bytes"] or sha256(path) != entry["sha256"]:
        raise BundleError(f"{path} is damaged: its checksum is wrong.", _COPY_AGAIN)


def _digest(manifest: dict[str, Any]) -> str:
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
