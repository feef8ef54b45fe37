"""Raw pictures from a program of the system, through a pipe. Linux only, as the programs are."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from selectors import EVENT_READ, DefaultSelector
from threading import Event

from edgeyolo.device.sources.talk import Talk
from edgeyolo.errors import CameraError

FD = "{fd}"  # in an argument: the descriptor to write pictures to

_LOOK_S = 0.1  # between two looks at whether all is to end
_BLINK_S = 0.02  # the same, when its end is waited for
_SILENCE_S = 10.0  # without a byte: some cameras take five to start
_GRACE_S = 0.7  # to end in order; a killed program leaves NVIDIA's camera service confused
_DEATH_S = 1.0  # of a killed process, until the driver lets it go
_LAST_WORDS_S = 0.5  # between the end of the pictures and that of the program
_ROOM = 1 << 20  # bytes in the pipe: 64 KiB, the default, wakes the reader 20 times a picture
_TALK_ROOM = 1 << 16  # bytes that can wait to be heard


class Pipe:
    """A program at work. Its pictures have no marks between them: the reader knows their size."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        frames: FileIO,
        talk: FileIO,
        stopped: Event,
        silence_s: float,
    ) -> None:
        self.talk = Talk()
        self._process, self._frames, self._talk = process, frames, talk
        self._stopped, self._silence_s = stopped, silence_s
        self._heard = time.monotonic()
        self._selector = DefaultSelector()
        for end in (frames, talk):
            os.set_blocking(end.fileno(), False)
            self._selector.register(end, EVENT_READ)

    def fill(self, buffer: memoryview) -> bool:
        """Wait for one picture, (N,) bytes, straight into ``buffer``; ``False`` when all is to end.

        Raises:
            CameraError: when the program ended, or gave nothing for a time.
        """
        filled = 0
        while filled < len(buffer):
            if not self.wait():
                return False
            count = self._frames.readinto(buffer[filled:])
            if count == 0:
                self._selector.unregister(self._frames)
                raise CameraError(self._last_words())
            filled += count or 0
        return True

    def wait(self) -> bool:
        """Until the pictures go on or end; ``False`` when all is to end.

        What the program said before is in ``talk`` then.
        """
        while not self._stopped.is_set():
            ready = self._look(_LOOK_S)
            if self._talk in ready:
                self._listen()
            if self._frames in ready:
                self._heard = time.monotonic()
                return True
            if time.monotonic() - self._heard > self._silence_s:
                raise CameraError(f"no picture for {self._silence_s:g} seconds")
        return False

    def close(self) -> None:
        """End the program and what it started, and leave no zombie."""
        self._signal(signal.SIGINT)  # at which both programs let the camera go
        deadline = time.monotonic() + _GRACE_S
        while not self._end() and time.monotonic() < deadline:
            self._discard()
        self._signal(signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):  # a driver may hold it; it is reaped later then
            self._process.wait(_DEATH_S)
        self._selector.close()

    def _look(self, seconds: float) -> list[object]:
        return [key.fileobj for key, _ in self._selector.select(seconds)]

    def _listen(self) -> None:
        said = self._talk.read(_TALK_ROOM)
        if said:
            self.talk.hear(said)
        elif said is not None:
            self._selector.unregister(self._talk)  # at its end it would be ready for ever

    def _discard(self) -> None:
        """A program that waits for room in a pipe does not hear that it is to end."""
        ready = self._look(_BLINK_S)
        if self._talk in ready:
            self._listen()
        if self._frames in ready and self._frames.read(_ROOM) == b"":
            self._selector.unregister(self._frames)

    def _last_words(self) -> str:
        deadline = time.monotonic() + _LAST_WORDS_S
        while (self._is_heard() or not self._end()) and time.monotonic() < deadline:
            if self._look(_BLINK_S):
                self._listen()
        return self.talk.complaint() or self._end() or "it closed its output"

    def _is_heard(self) -> bool:
        return self._talk in self._selector.get_map()

    def _end(self) -> str:
        """How the program ended; empty while it has not."""
        # It is not reaped, so that nobody else can have its number when the group is killed.
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        found = os.waitid(os.P_PID, self._process.pid, options)
        if found is None:
            return ""
        if found.si_code == os.CLD_EXITED:
            return f"it ended with code {found.si_status}"
        return f"it was ended by signal {found.si_status}"

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


@contextmanager
def started(
    command: Sequence[str], stopped: Event, silence_s: float = _SILENCE_S
) -> Iterator[Pipe]:
    """Start a program that writes pictures until it is told to end.

    They come on its stdout; or, where an argument holds ``{fd}``, through that descriptor, for
    programs that also talk on stdout.

    Raises:
        CameraError: when it cannot be started.
    """
    with ExitStack() as stack:
        frames, frames_in = _pipe(stack)
        talk, talk_in = _pipe(stack)
        with suppress(OSError):  # more than a user may have
            fcntl.fcntl(frames.fileno(), fcntl.F_SETPIPE_SZ, _ROOM)
        process = _spawn(command, frames_in.fileno(), talk_in.fileno())
        for end in (frames_in, talk_in):
            end.close()  # in this process: else the pictures would never end
        pipe = Pipe(process, frames, talk, stopped, silence_s)
        stack.callback(pipe.close)
        yield pipe


def _pipe(stack: ExitStack) -> tuple[FileIO, FileIO]:
    read, write = os.pipe()
    return stack.enter_context(FileIO(read)), stack.enter_context(FileIO(write, "w"))


def _spawn(command: Sequence[str], frames: int, talk: int) -> subprocess.Popen[bytes]:
    talks_on_stdout = any(FD in argument for argument in command)
    try:
        return subprocess.Popen(
            [argument.replace(FD, str(frames)) for argument in command],
            stdin=subprocess.DEVNULL,
            stdout=talk if talks_on_stdout else frames,
            stderr=talk,
            pass_fds=[frames] if talks_on_stdout else [],
            env={**os.environ, "LC_ALL": "C"},  # errors in a language that can be recognized
            start_new_session=True,  # Ctrl-C is for us, who end it in order
        )
    except FileNotFoundError as error:
        raise CameraError("not installed") from error
    except OSError as error:
        raise CameraError((error.strerror or "it cannot be started").lower()) from error
