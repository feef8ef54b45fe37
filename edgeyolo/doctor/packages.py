"""What is installed, read from the packages' metadata: nothing is imported for it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata

from edgeyolo.doctor.findings import Finding
from edgeyolo.errors import MissingDependencyError

_PURPOSES = {
    "val": "accuracy by edgeyolo val",
    "workshop": "slimming, training and export, not needed on a board",
    "tui": "the terminal UI",
}
_BUNDLES_OF_EXTRAS = {"all"}


def version(package: str) -> str | None:
    """Installed version, or ``None``."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def requirements() -> dict[str, list[str]]:
    """Names of the packages that each extra of edgeyolo brings; the base is extra ``""``."""
    found: dict[str, list[str]] = {}
    for line in metadata.requires("edgeyolo") or ():
        name = re.match(r"[\w.-]+", line)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        if name and (extra or ";" not in line):  # other markers: another Python or system
            found.setdefault(extra[1] if extra else "", []).append(name[0])
    return found


def check_packages(elsewhere: Iterable[str]) -> list[Finding]:
    """One finding per extra; ``elsewhere`` names the packages that have checks of their own."""
    try:
        required = requirements()
    except metadata.PackageNotFoundError:
        remedy = "In its folder: python3 -m pip install -e ."
        return [Finding("packages", "note", "edgeyolo runs from its source, uninstalled", remedy)]
    seen = set(elsewhere)
    findings = []
    for extra in sorted(required):
        names = [name for name in required[extra] if name not in seen]
        if names and extra not in _BUNDLES_OF_EXTRAS:
            findings.append(_check_extra(extra, names))
            seen.update(names)
    return findings


def _check_extra(extra: str, names: list[str]) -> Finding:
    versions = {name: version(name) for name in names}
    present = ", ".join(f"{name} {found}" for name, found in versions.items() if found)
    absent = ", ".join(name for name, found in versions.items() if not found)
    if not absent:
        return Finding(extra or "base", "ok", present)
    parts = [_PURPOSES.get(extra, ""), f"not installed: {absent}"]
    parts.append(f"installed: {present}" if present else "")
    hint = MissingDependencyError(absent, extra).hint if extra else ""
    return Finding(extra or "base", "note", "; ".join(filter(None, parts)), hint)
