"""One JSON object per frame on a stream."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.device.seldom import Say
from edgeyolo.files import fail_clearly

_PATIENCE_S = 1.0  # for a reader that does not read


class JsonLines(Sink):
    """Each line is written at once, so that a reader in a pipe is never late.

    A reader that is slow slows the run down. One of a live source that has not read for a second is
    taken to hang: lines are left out until it reads again, and all other sinks go on.
    """

    def __init__(
        self,
        stream: TextIO,
        names: Sequence[str],
        *,
        is_live: bool = False,
        say: Say = lambda sentence: None,
    ) -> None:
        self._stream, self._names, self._say = stream, names, say
        self._pipe = _pipe_of(stream) if is_live else None
        self._rest = b""  # of a line that is half written
        self._hangs = False
        self._left_out = 0

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Write one line."""
        line = json.dumps(record(frame, detections, self._names)) + "\n"
        with fail_clearly(Path("standard output")):
            if self._pipe is None:
                self._stream.write(line)
                self._stream.flush()
            else:
                self._offer(self._pipe, line.encode())
        return True

    def close(self, *, complete: bool) -> None:
        """The stream belongs to somebody else."""
        if self._left_out:
            self._say(f"Standard output: {self._left_out} lines were not read, and left out.")

    def _offer(self, pipe: int, line: bytes) -> None:
        """Finish the line before, then write this one, as far as there is room."""
        patience = 0.0 if self._hangs else _PATIENCE_S
        self._rest = _written(pipe, self._rest, patience)
        is_begun = False
        if not self._rest:
            left = _written(pipe, line, patience)
            is_begun = len(left) < len(line)
            self._rest = left if is_begun else b""
        self._left_out += not is_begun
        self._tell(hangs=bool(self._rest) or not is_begun)

    def _tell(self, *, hangs: bool) -> None:
        if hangs and not self._hangs:
            self._say("Nobody reads the standard output; lines are left out until somebody does.")
        if self._hangs and not hangs:
            self._say("Standard output is read again.")
        self._hangs = hangs


def _pipe_of(stream: TextIO) -> int | None:
    """Where it can be asked whether there is room; not on Windows, nor of what is no file."""
    if not hasattr(select, "poll"):
        return None
    try:
        stream.flush()
        return stream.fileno()
    except (OSError, ValueError):
        return None


def _written(pipe: int, content: bytes, patience_s: float) -> bytes:
    """Write in pieces that never wait; return what there was no room for."""
    waiting = select.poll()
    waiting.register(pipe, select.POLLOUT)
    while content:
        # A reader that has gone is an event, too: then the write says so.
        if not waiting.poll(1000 * patience_s):
            break
        content = content[os.write(pipe, content[: select.PIPE_BUF]) :]
    return content


def record(frame: Frame, detections: Detections, names: Sequence[str]) -> dict[str, Any]:
    """What a program is told of a frame, as plain values."""
    return {
        "frame": frame.index,
        "time_s": frame.time_s,
        "detections": detections.to_list(names),
    }
