"""The README's first command, as a new user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import edgeyolo


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_demo_ends_well(in_tmp: Path) -> None:
    done = edgeyolo("slim", "--width", 0.125, "--data", "demo", cwd=in_tmp, timeout=1700)
    assert done.returncode == 0, done.stderr
    assert "which knows these classes" in done.stderr
    report = json.loads((in_tmp / "runs/demo-w0.125-d0.33-320/report.json").read_text())
    wide = next(row for row in report["nets"] if row["role"] == "baseline")["accuracy"]
    slim = report["nets"][0]["accuracy"]
    assert 0.5 < wide["map50_95"] < 0.9
    assert slim["map50_95"] > 0.7 * wide["map50_95"]
    assert slim["versus_baseline"]["ci"][1] < 0, "a net of a third of the size costs something"
