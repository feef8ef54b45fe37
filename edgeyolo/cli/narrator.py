"""Shows the progress of a run on stderr: one moving line on a terminal, some lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import time

_QUIET_INTERVAL = 15.0  # seconds between lines where nothing can be overwritten
_LIVE_INTERVAL = 0.1


class Narrator:
    """Elapsed time and ETA of each stage."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._stage_started = self._last_shown = 0.0
        self._first: tuple[float, float] | None = None  # time and share of the stage's first step

    def stage(self, name: str, number: int, total: int) -> None:
        """Begin a stage on a line of its own."""
        self._end_stage()
        self._stage_started, self._last_shown, self._first = time.monotonic(), 0.0, None
        print(f"[{number}/{total}] {name}", file=sys.stderr, flush=True)

    def step(self, done: float, total: float, note: str = "") -> None:
        """Show how far the stage is, not too often."""
        now = time.monotonic()
        share = done / total if total else 0.0
        if self._first is None:
            self._first = (now, share)
        interval = _LIVE_INTERVAL if self._live else _QUIET_INTERVAL
        if now - self._last_shown < interval and done < total:
            return
        if not self._live and not self._last_shown and done < total:
            self._last_shown = now  # the first line comes after an interval
            return
        self._last_shown = now
        text = f"      {share:4.0%}  elapsed {clock(now - self._stage_started)}"
        eta = self._eta(now, share)
        text += f"  ETA {clock(eta)}" if eta is not None else "  ETA -:--"
        self._show(f"{text}  {note}" if note else text)

    def line(self, text: str) -> None:
        """Print a line that stays."""
        self._clear()
        print(f"      {text}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the terminal clean."""
        self._end_stage()
        self._stage_started = 0.0

    def _end_stage(self) -> None:
        self._clear()
        if self._stage_started:
            self.line(f"elapsed {clock(time.monotonic() - self._stage_started)}")

    def _eta(self, now: float, share: float) -> float | None:
        assert self._first is not None
        started, first = self._first
        if share >= 1:
            return 0.0
        if share <= first:
            return None
        return (now - started) * (1 - share) / (share - first)

    def _show(self, text: str) -> None:
        if self._live:
            width = shutil.get_terminal_size().columns
            print(f"\r\x1b[K{text[: width - 1]}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
