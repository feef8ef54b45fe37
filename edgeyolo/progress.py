"""What long work tells about itself; whoever shows it implements this."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Listener to a run: stages, how far the present one is, and lines worth keeping."""

    def stage(self, name: str, number: int, total: int) -> None:
        """A stage begins."""

    def step(self, done: float, total: float, note: str = "") -> None:
        """The present stage has come so far."""

    def line(self, text: str) -> None:
        """Something to read that stays."""


class Lines:
    """Passes on what stays to be read, and steps; stages become lines."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def stage(self, name: str, number: int, total: int) -> None:
        """As a line."""
        self._progress.line(f"{name}.")

    def step(self, done: float, total: float, note: str = "") -> None:
        """As it is."""
        self._progress.step(done, total, note)

    def line(self, text: str) -> None:
        """As it is."""
        self._progress.line(text)


class Silent:
    """Listens to nothing."""

    def stage(self, name: str, number: int, total: int) -> None:
        """Ignored."""

    def step(self, done: float, total: float, note: str = "") -> None:
        """Ignored."""

    def line(self, text: str) -> None:
        """Ignored."""
