"""Trying something in a child process, so that a crash, a hang or a wrong wheel stays in there.

The child ends with its answer, a line of JSON on stdout; one that fails just fails.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TIMEOUT_S = 20.0

# The child starts here: it finds the same edgeyolo as its parent, and no folder or file of the
# user's that has the name of a package.
_ROOT = Path(__file__).parents[2]
_SIGNALS = {entry.value: entry.name for entry in signal.Signals}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child ended."""

    answer: dict[str, Any] = field(default_factory=dict)  # empty where it failed
    error: str = ""  # the last line of its error, the signal that killed it, or a time-out
    missing: str = ""  # the module that is not installed, where that was the error


def answer(**values: Any) -> None:
    """Answer; for the child to call."""
    sys.stdout.write(json.dumps(values) + "\n")


def probe(name: str, timeout: float = TIMEOUT_S) -> Outcome:
    """Run one of the programs in ``probes/``."""
    return ask(("-m", f"edgeyolo.doctor.probes.{name}"), timeout)


def ask(arguments: Sequence[str], timeout: float = TIMEOUT_S) -> Outcome:
    """Run Python with these arguments and wait for its answer."""
    done = run((sys.executable, *arguments), timeout)
    if done is None:
        return Outcome(error=f"no answer within {timeout:g} s")
    return _read(done.stdout) if done.returncode == 0 else _failure(done.returncode, done.stderr)


def run(command: Sequence[str], timeout: float) -> subprocess.CompletedProcess[str] | None:
    """Run a program to its end; ``None`` where that did not come in time."""
    process = subprocess.Popen(
        command,
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        with suppress(subprocess.TimeoutExpired):  # what hangs in a driver survives even this
            process.communicate(timeout=1)
        return None
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def _read(stdout: str) -> Outcome:
    try:
        return Outcome(dict(json.loads(stdout.splitlines()[-1])))
    except (IndexError, ValueError, TypeError):
        return Outcome(error="ended without an answer")


def _failure(code: int, stderr: str) -> Outcome:
    if code < 0:
        return Outcome(error=f"killed by {_SIGNALS.get(-code, f'signal {-code}')}")
    lines = stderr.strip().splitlines() or [f"ended with exit code {code}"]
    module = re.match(r"ModuleNotFoundError: No module named '([^'.]+)", lines[-1])
    return Outcome(error=lines[-1].strip(), missing=module[1] if module else "")
