"""Which candidate is written, of steps whose errors, sizes and losses are made up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from edgeyolo.flow import gate
from edgeyolo.flow.gate import Limits, choose
from edgeyolo.quantize.agreement import Agreement
from edgeyolo.quantize.search import Step

ERRORS = (0.050, 0.030, 0.0201, 0.0200, 0.0260)  # with 0, 1, 2, 3, 4 convolutions in float
SIZES = (100, 110, 120, 130, 140)


@pytest.fixture
def choose_from(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a choice when each step loses so many points."""

    def run(lost: tuple[float, ...], limits: Limits) -> tuple[int, dict[str, Any]]:
        @contextmanager
        def candidate(_: Any, __: str, ___: Any, floats: tuple[str, ...]) -> Iterator[Any]:
            size = SIZES[len(floats)]
            yield SimpleNamespace(index=len(floats), size_bytes=lambda _: size)

        monkeypatch.setattr(gate, "candidate", candidate)
        monkeypatch.setattr(gate, "judge", lambda trial, *_: trial.index)
        monkeypatch.setattr(gate, "compare", lambda _, index: {"difference": -lost[index] / 100})
        tried = [
            Step(tuple("abcd"[:count]), 1 - 0.03 * count, Agreement(error, error, 0.1, 9))
            for count, error in enumerate(ERRORS)
        ]
        judged: Any = SimpleNamespace(samples=[])
        nothing: Any = None
        usual, further = tried[:4], iter(tried[4:])
        step, outcome = choose(nothing, "ncnn", nothing, usual, further, judged, limits)
        return len(step.floats), outcome

    return run


@pytest.mark.parametrize(
    ("lost", "limits", "floats", "met"),
    [
        ((0, 0, 0, 0, 0), Limits(), 2, True),  # as good as the best, with fewer in float
        ((0, 0, 1, 0, 0), Limits(), 3, True),
        ((0, 0, 0, 0, 0), Limits(prefer="speed"), 0, True),
        ((2, 0.4, 0.2, 0, 0), Limits(prefer="speed"), 2, True),
        ((2, 0.4, 0.2, 0, 0), Limits(0.5, prefer="speed"), 1, True),
        ((9, 9, 0.9, 0.6, 0.8), Limits(), 3, False),  # the least of what is too much
        ((9, 9, 0.9, 0.6, 0.2), Limits(), 4, True),  # more in float than usual
        ((9, 9, 9, 9, 0.2), Limits(prefer="speed"), 4, True),
        ((9, 9, 0.9, 0.6, 0.2), Limits(target_bytes=135), 3, False),  # which is too large
        ((0, 0, 0, 0, 0), Limits(target_bytes=115), 1, True),  # the best of those that fit
        ((0, 0, 0, 0, 0), Limits(target_bytes=50), 0, False),  # the smallest
    ],
)
def test_choice(
    lost: tuple[float, ...], limits: Limits, floats: int, met: bool, choose_from: Any
) -> None:
    chosen, outcome = choose_from(lost, limits)
    assert (chosen, outcome["met"]) == (floats, met)
    assert outcome["fits"] == (limits.target_bytes != 50)
