"""How busy a GPU is: what the driver says five times a second."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterable
from threading import Thread

_EVERY_MS = 200


class Watch:
    """A context in which nvidia-smi is listened to; without one it hears nothing."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, float]] = []  # seconds since the epoch, part of the time
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Watch:
        if shutil.which("nvidia-smi"):
            command = (
                *("nvidia-smi", "--id=0", "--query-gpu=utilization.gpu"),
                *("--format=csv,noheader,nounits", f"--loop-ms={_EVERY_MS}"),
            )
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait()

    def _listen(self) -> None:
        assert self._process and self._process.stdout
        for line in self._process.stdout:
            if line.strip().isdecimal():
                self._seen.append((time.time(), int(line) / 100))

    def share(self, spans: Iterable[tuple[float, float]]) -> float | None:
        """Mean part of the time in which a kernel ran, within some spans of seconds."""
        within = [part for begin, end in spans for at, part in self._seen if begin <= at <= end]
        return round(sum(within) / len(within), 3) if within else None
