"""OpenCV: which flavor, and whether it opens windows, cameras and streams."""

from __future__ import annotations

from collections.abc import Sequence

from edgeyolo.doctor.child import Outcome
from edgeyolo.doctor.findings import Finding
from edgeyolo.doctor.packages import version
from edgeyolo.doctor.remedies import remedy
from edgeyolo.errors import MissingDependencyError

FLAVORS = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
_NO_LIBRARY = "cannot open shared object file"


def check_opencv(outcome: Outcome) -> list[Finding]:
    """Whether it imports, and whether there is one of it."""
    flavors = [flavor for flavor in FLAVORS if version(flavor)]
    findings = [_check_import(outcome, flavors)]
    if len(flavors) > 1:
        detail = f"{' and '.join(flavors)} overwrite each other's files"
        findings.append(Finding("flavors", "problem", detail, _replace(flavors, _suitable())))
    return findings


def _check_import(outcome: Outcome, flavors: Sequence[str]) -> Finding:
    if outcome.missing == "cv2" and not flavors:
        hint = MissingDependencyError("OpenCV", "headless").hint
        return Finding("OpenCV", "problem", "not installed", f"{hint}\n{_WITH_WINDOWS}")
    if outcome.error:
        return Finding("OpenCV", "problem", outcome.error, _remedy(outcome.error, flavors))
    build = outcome.answer
    origin = flavors[0] if len(flavors) == 1 else " + ".join(flavors) or "not from pip"
    parts = [f"{build['version']} ({origin})", f"windows: {build['gui']}"]
    parts += [f"{name}: {build[name]}" for name in ("FFMPEG", "GStreamer")]
    return Finding("OpenCV", "ok", ", ".join(parts))


_WITH_WINDOWS = "On a machine with a desktop, edgeyolo[desktop] also opens windows."


def _remedy(error: str, flavors: Sequence[str]) -> str:
    if _NO_LIBRARY in error and any("headless" not in flavor for flavor in flavors):
        return _replace(flavors, "headless")  # libGL and its like come with a desktop only
    return remedy(error, flavors[0] if flavors else "opencv-python-headless")


def _suitable() -> str:
    return "desktop" if version("ultralytics") else "headless"  # it requires that one by name


def _replace(flavors: Sequence[str], extra: str) -> str:
    return (
        f"Remove and install it anew:\npython3 -m pip uninstall -y {' '.join(flavors)}\n"
        f'python3 -m pip install "edgeyolo[{extra}]"'
    )
