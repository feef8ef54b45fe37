"""``edgeyolo run`` as a process of its own, and what else these tests start."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.command import rest_of

MAIN = "from edgeyolo.cli.main import main; main()"
# For what is not about the two seconds that SIGTERM leaves, which a busy machine may need alone.
PATIENT = """
import edgeyolo.device.signals as signals
signals._HEARD_S, signals._ENDED_S, signals._LAST_S = 60.0, 120.0, 180.0
"""


def started(
    cwd: Path, *arguments: object, before: str = "", patient: bool = True
) -> subprocess.Popen[str]:
    """A run that goes on; ``before`` is Python that its process executes first.

    A ``patient`` one takes all the time that it needs to end after SIGTERM.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EDGEYOLO_")}
    environment["EDGEYOLO_CONFIG_DIR"] = str(cwd / "none")
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"{PATIENT if patient else ''}{before}\n{MAIN}",
            "run",
            *map(str, arguments),
        ],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines_of(process: subprocess.Popen[str], count: int) -> list[dict[str, Any]]:
    """The next lines of JSON on its stdout."""
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(count)]
    assert all(lines), process.stderr and process.stderr.read()
    return [json.loads(line) for line in lines]


def ended(process: subprocess.Popen[str], timeout: float = 240) -> tuple[int, list[Any], str]:
    """Exit code, the rest of its lines of JSON, and what it said."""
    lines, said = rest_of(process, timeout)
    assert "Traceback" not in said, said
    return process.returncode, [json.loads(line) for line in lines.splitlines()], said


def needs(program: str) -> str:
    """The path of a program; a test that lacks it skips, unless all programs are required."""
    found = shutil.which(program)
    if found is None and os.environ.get("EDGEYOLO_REQUIRE_PROGRAMS") != "1":
        pytest.skip(f"there is no {program}")
    assert found, f"there is no {program}"
    return found


def frames_in(video: Path) -> int:
    """As OpenCV decodes them."""
    capture, count = cv2.VideoCapture(str(video)), 0
    while capture.read()[0]:
        count += 1
    capture.release()
    return count


def probed(video: Path) -> dict[str, Any]:
    """What ffprobe finds in a video; every packet is decoded, and an error is none of ours."""
    entries = "stream=codec_name,width,height,nb_read_frames,duration,avg_frame_rate"
    command = [needs("ffprobe"), "-v", "error", "-count_frames", "-show_entries", entries]
    done = subprocess.run(
        [*command, "-of", "json", str(video)], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    [stream] = json.loads(done.stdout)["streams"]
    assert isinstance(stream, dict)
    return stream
