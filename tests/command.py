"""Running the real command, in a process of its own or in this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

from edgeyolo.cli import main
from edgeyolo.cli.edge import guard


def edgeyolo(
    *arguments: object,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    timeout: float = 540,
) -> subprocess.CompletedProcess[str]:
    """Run ``edgeyolo ARGUMENTS`` and capture what it says."""
    return subprocess.run(
        [sys.executable, "-m", "edgeyolo", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def edgeyolo_here(*arguments: object) -> int:
    """The same in this process, which is faster; return the exit code.

    Not by ``main``: that ends the whole process where a thread is left, also of another test.
    """
    return int(guard(main.edgeyolo, [str(argument) for argument in arguments]))


def edgeyolo_json(*arguments: object, cwd: Path | None = None) -> Any:
    """Run a command that must succeed and read its JSON."""
    done = edgeyolo(*arguments, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rest_of(process: subprocess.Popen[str], timeout: float = 240) -> tuple[str, str]:
    """What it still says on stdout and stderr until it ends.

    As ``communicate``, which loses what came together with the line that a ``readline`` returned.
    """
    said = {"stdout": "", "stderr": ""}

    def read(name: str, stream: IO[str]) -> None:
        said[name] = stream.read()

    streams = {name: stream for name in said if (stream := getattr(process, name))}
    readers = [threading.Thread(target=read, args=item, daemon=True) for item in streams.items()]
    for reader in readers:
        reader.start()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    for reader in readers:
        reader.join(timeout)
        assert not reader.is_alive(), "a child of it holds the other end"
    for stream in streams.values():
        stream.close()
    return said["stdout"], said["stderr"]


def python(code: str) -> str:
    """Run code in a fresh interpreter that must succeed; return its stdout."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
