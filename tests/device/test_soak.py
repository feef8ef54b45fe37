"""``tools/soak.py`` finds what it looks for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.unit.conftest import null_bundle  # noqa: F401

_LEAKS = {
    "nothing": "pass",
    "memory": "kept.append(bytearray(100_000))",
    "descriptors": "kept.append(open('/dev/null'))",
    "frames": "Meter.captured = lambda self: None",
}


def _soaked(bundle: Path, leak: str) -> tuple[int, dict[str, Any]]:
    """The tool, shortened, with something in a sink that leaks."""
    script = f"""
import sys
sys.path.insert(0, {str(ROOT / "tools")!r})
import soak
from edgeyolo.device.meter import Meter
from edgeyolo.device.sinks.csvfile import CsvFile
soak.WARM_UP, soak.EVERY = 100, 25
whole, kept = CsvFile.write, []
def write(self, frame, detections):
    {leak}
    return whole(self, frame, detections)
CsvFile.write = write
sys.argv = ["soak", "--bundle", {str(bundle)!r}, "--frames", "400", "--fps", "150"]
sys.exit(soak.main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(
    ("leak", "broken"),
    [
        ("nothing", []),
        ("memory", ["memory grew"]),
        ("descriptors", ["descriptors grew", "a descriptor is left"]),
        ("frames", ["a frame is unaccounted for"]),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors as Linux does")
def test_a_leak_is_found(leak: str, broken: list[str], null_bundle: Path) -> None:  # noqa: F811
    code, answer = _soaked(null_bundle, _LEAKS[leak])
    assert answer["broken"] == broken
    assert code == (1 if broken else 0)
    assert answer["given"] == 400
