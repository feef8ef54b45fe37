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


class Silent:
    """Listens to nothing."""

    def stage(self, name: str, number: int, total: int) -> None:
        """Ignored."""

    def step(self, done: float, total: float, note: str = "") -> None:
        """Ignored."""

    def line(self, text: str) -> None:
        """Ignored."""
