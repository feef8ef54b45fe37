"""Where the figures come from: versions, hashes, seeds, command lines and license; their limits."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import Any

from edgeyolo.report.form import Report, Row, label
from edgeyolo.report.limits import limits

LICENSE = "AGPL-3.0-or-later"


def section(report: Report) -> dict[str, Any]:
    """All of it; a part that is not known says so."""
    runs = report["runs"]
    return {
        "facts": list(_facts(report)),
        "runs": [_run(run) for run in runs],
        "files": [row for net in report["nets"] for row in _files(net)],
        "devices": [device for device in report["devices"] if device.get("environment")],
        "licenses": list(dict.fromkeys(run.get("license") or LICENSE for run in runs)) or [LICENSE],
        "limits": limits(report),
    }


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    data = report["data"]
    yield "made", report["created"]
    yield "edgeyolo", report["edgeyolo"]
    yield "report format", f"{report['format']} {report['version']}"
    yield "data", data["name"] if data else "not known"
    yield "data fingerprint", (data or {}).get("fingerprint") or "not known"
    yield "seeds", _seeds(report["runs"])


def _seeds(runs: Iterable[Row]) -> str:
    seeds = {told.get("seed") for run in runs for told in run.get("trainings") or []}
    seeds |= {(run.get("recipe") or {}).get("seed") for run in runs}
    return ", ".join(map(str, sorted(seed for seed in seeds if seed is not None))) or "not known"


def _files(net: Row) -> Iterator[Row]:
    """Each file of a net, or the one hash of all of them where no more is known."""
    for name, digest in (net.get("files") or {}).items():
        yield {"label": label(net), "name": name, "sha256": digest}
    if not net.get("files"):
        yield {"label": label(net), "name": "all together", "sha256": net.get("sha256")}


def _run(run: Row) -> Row:
    command = run.get("command")
    return {
        "name": run["name"],
        "command": shlex.join(command) if command else None,
        "recipe": {key: _plain(value) for key, value in (run.get("recipe") or {}).items()},
        "versions": run.get("versions") or {},
    }


def _plain(value: Any) -> str:
    """A value of a recipe as its reader would write it."""
    if isinstance(value, dict):
        return ", ".join(f"{key}={each}" for key, each in value.items()) or "none"
    return "none" if value in (None, "") else str(value)
