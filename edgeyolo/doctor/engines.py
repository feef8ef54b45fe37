"""Inference engines: each one that is installed has to compute a small convolution."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from edgeyolo.doctor.child import Outcome
from edgeyolo.doctor.findings import Finding
from edgeyolo.doctor.remedies import remedy
from edgeyolo.errors import MissingDependencyError


def check_engine(name: str, outcome: Outcome) -> Finding:
    """One engine, from what its probe said."""
    if outcome.missing == name:
        hint = MissingDependencyError(name, name).hint
        return Finding(name, "note", "not installed; one engine is enough", hint)
    if outcome.error:
        return Finding(name, "problem", outcome.error, remedy(outcome.error, name))
    return Finding(name, "ok", f"{outcome.answer['version']}, computes correctly")


def check_any(engines: Sequence[Finding]) -> list[Finding]:
    """A problem where no engine works."""
    if any(finding.status == "ok" for finding in engines):
        return []
    fastest = "openvino" if platform.machine().lower() in ("x86_64", "amd64") else "ncnn"
    hint = MissingDependencyError("an engine", fastest).hint
    return [Finding("any engine", "problem", "none works: no net can run here", hint)]
