"""All sinks of a run as one; of a live source, those that work outlive one that fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

from edgeyolo.device.detections import Detections
from edgeyolo.device.frame import Frame, Sink
from edgeyolo.device.seldom import Say
from edgeyolo.errors import EdgeyoloError


class Outlets:
    """Hands frames to every sink.

    With ``forgiving``, a sink that fails is told of, closed and left out. The last one that takes
    detections does not go so: its error ends the run. Without, every error does.
    """

    def __init__(self, sinks: Sequence[Sink], say: Say, *, forgiving: bool) -> None:
        self._sinks, self._say, self._forgiving = list(sinks), say, forgiving
        self._count, self._lost = sum(sink.is_output for sink in sinks), 0

    def write(self, frame: Frame, detections: Detections) -> bool:
        """Whether all of them want more."""
        return self._ask(lambda sink: sink.write(frame, detections))

    def idle(self) -> bool:
        """No frame came for a moment."""
        return self._ask(lambda sink: sink.idle())

    def hurry(self) -> None:
        """The end must come soon."""
        for sink in self._sinks:
            sink.hurry()

    def close(self, *, complete: bool) -> None:
        """Close every sink, also when one of them fails; first those that wait for nobody.

        Raises:
            EdgeyoloError: when one failed, now or before.
        """
        with ExitStack() as stack:
            stack.push(self._admit)
            for sink in sorted(reversed(self._sinks), key=lambda sink: not sink.has_peer):
                stack.callback(sink.close, complete=complete)

    def _admit(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._lost:
            raise EdgeyoloError(
                f"{self._lost} of {self._count} outputs failed on the way.",
                "What they said stands above.",
            )

    def _ask(self, wants_more: Callable[[Sink], bool]) -> bool:
        answers = []
        for sink in list(self._sinks):
            try:
                answers.append(wants_more(sink))
            except (EdgeyoloError, OSError) as error:
                if isinstance(error, OSError) and not sink.is_output:
                    self._sinks.remove(sink)  # nobody reads what is told, or its disk is full
                    continue
                has_seen_enough = isinstance(error, BrokenPipeError)  # the reader of an output
                if has_seen_enough or not self._forgiving or not self._others(sink):
                    raise
                self._leave_out(sink, error)
        return all(answers)

    def _others(self, but: Sink) -> bool:
        return any(sink.is_output for sink in self._sinks if sink is not but)

    def _leave_out(self, sink: Sink, error: EdgeyoloError | OSError) -> None:
        self._sinks.remove(sink)
        self._lost += 1
        self._say(f"{_reason(error)}. The other outputs go on.")
        with suppress(EdgeyoloError, OSError):  # it has said why
            sink.close(complete=True)  # what it took so far counts


def _reason(error: EdgeyoloError | OSError) -> str:
    if isinstance(error, EdgeyoloError):
        return error.message.rstrip(".")
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{(error.strerror or str(error)).lower()}"
