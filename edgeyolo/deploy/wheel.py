"""The package itself, as a wheel: built from a checkout, or put together from what is installed."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import edgeyolo
from edgeyolo.errors import EdgeyoloError, UsageError

_ROOT = Path(edgeyolo.__file__).parent.parent
# What an installer wrote about its own work.
_OF_THE_INSTALLER = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json")
_GIVE_ONE = "Name a wheel with --wheel FILE."


def own_wheel(folder: Path) -> Path:
    """A wheel of the edgeyolo that runs, in a new file of the folder.

    Raises:
        EdgeyoloError: when it cannot be built, or its files are not those that were installed.
    """
    if (_ROOT / "pyproject.toml").is_file():
        return _built(_ROOT, folder)
    return repacked("edgeyolo", folder)


def checked_wheel(path: Path) -> Path:
    """A wheel that the user named.

    Raises:
        UsageError: when it is not a wheel of edgeyolo.
    """
    is_one = path.name.startswith("edgeyolo-") and path.suffix == ".whl"
    if not (is_one and path.is_file() and zipfile.is_zipfile(path)):
        raise UsageError(
            f"{path} is no wheel of edgeyolo.", "Make one with: uv build --wheel --out-dir dist"
        )
    return path


def _built(root: Path, folder: Path) -> Path:
    uv = find_uv()
    build = ["build", "--quiet", "--wheel", "--out-dir", str(folder), str(root)]
    wheel = ["wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(root)]
    command = [uv, *build] if uv else [*pip_command(folder / "pip"), *wheel]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = sorted(folder.glob("edgeyolo-*.whl"))
    if done.returncode or not found:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1].strip()
        raise EdgeyoloError(f"No wheel can be built from {root}: {last}", _GIVE_ONE)
    return found[0]


def repacked(name: str, folder: Path) -> Path:
    """A wheel from the files of an installed package that is pure Python.

    Every file must be as it was installed: a board gets nothing that was changed by hand.
    """
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError as error:
        raise EdgeyoloError(f"{name} is not installed as a package.", _GIVE_ONE) from error
    files = [path for path in distribution.files or () if _belongs(path)]
    facts = distribution.read_text("WHEEL") or ""
    if not files or "Root-Is-Purelib: true" not in facts:
        raise EdgeyoloError(f"{name} was not installed from a pure wheel.", _GIVE_ONE)
    target = folder / f"{name}-{distribution.version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.writestr(_entry(str(path)), _content(path, name))
        record = next(str(path.parent) for path in files if path.name == "WHEEL") + "/RECORD"
        archive.writestr(_entry(record), _record(archive, record))
    return target


def _belongs(path: metadata.PackagePath) -> bool:
    """Not a script, which is of this environment, nor what an installer or Python wrote."""
    if path.parts[0] == ".." or path.suffix == ".pyc":
        return False
    return not (path.parent.suffix == ".dist-info" and path.name in _OF_THE_INSTALLER)


def _content(path: metadata.PackagePath, name: str) -> bytes:
    try:
        content = Path(str(path.locate())).read_bytes()
    except OSError as error:
        raise EdgeyoloError(f"{path} of {name} is missing.", _GIVE_ONE) from error
    if path.hash is None or path.hash.value != _digest(content, path.hash.mode):
        raise EdgeyoloError(f"{path} of {name} is not as it was installed.", _GIVE_ONE)
    return content


def _digest(content: bytes, mode: str = "sha256") -> str:
    return base64.urlsafe_b64encode(hashlib.new(mode, content).digest()).decode().rstrip("=")


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # with a fixed date: the same files give the same wheel
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    return entry


def _record(archive: zipfile.ZipFile, own: str) -> str:
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    for name in archive.namelist():
        content = archive.read(name)
        writer.writerow((name, f"sha256={_digest(content)}", len(content)))
    writer.writerow((own, "", ""))
    return lines.getvalue()


def find_uv() -> str | None:
    """The program, if it is here."""
    return os.environ.get("UV") or shutil.which("uv")


def pip_wheel(folder: Path) -> Path:
    """pip as a wheel, which runs without being installed: Python's own copy, else the installed.

    Raises:
        EdgeyoloError: when there is none.
    """
    import ensurepip

    places = (Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels"))
    for place in places:
        for wheel in sorted(place.glob("pip-*.whl"), reverse=True):
            return wheel
    try:
        return repacked("pip", folder)
    except EdgeyoloError as error:
        raise EdgeyoloError(
            "There is no pip here to take along.", "Install it: python3 -m ensurepip"
        ) from error


def pip_command(folder: Path) -> list[str]:
    """pip for this Python, also where it is not installed."""
    return [sys.executable, str(pip_wheel(folder) / "pip")]
