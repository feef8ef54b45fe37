"""The package itself, as a wheel: built from a checkout, or put together from what is installed."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import edgeyolo
from edgeyolo.errors import EdgeyoloError, UsageError

_ROOT = Path(edgeyolo.__file__).parent.parent
# What an installer wrote about its own work.
_OF_THE_INSTALLER = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json")
_NAME = re.compile(r"edgeyolo-[^-\s]+-py3-none-any\.whl")  # pip reads the name, too
_GIVE_ONE = "Name a wheel with --wheel FILE."


def own_wheel(folder: Path) -> Path:
    """A wheel of the edgeyolo that runs, in a new file of the folder.

    Raises:
        EdgeyoloError: when it cannot be built, or its files are not those that were installed.
    """
    # Beside an installed package there may be a pyproject.toml that some other one has left.
    if (_ROOT / "pyproject.toml").is_file() and (_ROOT / "profiles").is_dir():
        return _built(_ROOT, folder)
    return repacked("edgeyolo", folder)


def checked_wheel(path: Path) -> Path:
    """A wheel that the user named.

    Raises:
        UsageError: when it is not a wheel of edgeyolo.
    """
    if not (_NAME.fullmatch(path.name) and _holds_edgeyolo(path)):
        raise UsageError(
            f"{path} is no wheel of edgeyolo.", "Make one with: uv build --wheel --out-dir dist"
        )
    return path


def _holds_edgeyolo(path: Path) -> bool:
    folder = "-".join(path.name.split("-")[:2]) + ".dist-info"
    try:
        with zipfile.ZipFile(path) as archive:
            lines = archive.read(f"{folder}/METADATA").decode("utf-8", "replace").splitlines()
    except (OSError, KeyError, zipfile.BadZipFile):
        return False
    return "Name: edgeyolo" in lines


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
    """pip as a wheel, which runs without being installed: the newest of all that are here.

    Raises:
        EdgeyoloError: when there is none.
    """
    found = [wheel for place in _pip_places() for wheel in place.glob("pip-*.whl")]
    with suppress(EdgeyoloError):
        found.append(repacked("pip", folder))
    if not found:
        raise EdgeyoloError(
            "There is no pip here to take along.", "Install it: sudo apt install python3-pip-whl"
        )
    return max(found, key=wheel_version)


def _pip_places() -> Iterator[Path]:
    own = importlib.util.find_spec("ensurepip")  # which Debian has in a package of its own
    if own is not None and own.origin is not None:
        yield Path(own.origin).parent / "_bundled"
    yield Path("/usr/share/python-wheels")


def wheel_version(wheel: Path) -> tuple[int, ...]:
    """As far as it is made of numbers."""
    return tuple(map(int, re.findall(r"\d+", wheel.name.split("-")[1])))


def pip_command(folder: Path) -> list[str]:
    """pip for this Python, also where it is not installed."""
    return [sys.executable, str(pip_wheel(folder) / "pip")]
