"""When a training is ended early."""

from __future__ import annotations

import pytest

from edgeyolo.flow.rivals import Rival, watch

BEST = {1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4, 5: 0.45, 6: 0.5}
LEADER = Rival("leader", 0.85, BEST)


def _epoch(epoch: int, best: float | None) -> dict[str, object]:
    return {"event": "epoch", "epoch": epoch, "best": best}


def test_one_that_is_clearly_behind_after_a_third_is_ended() -> None:
    judge = watch(0.8, [LEADER], 6)
    assert judge(_epoch(1, 0.0)) == ""  # too early
    assert judge(_epoch(2, 0.18)) == ""  # not clearly
    assert judge(_epoch(3, 0.26)) == (
        "Ended after 3 of 6 epochs: mAP50-95 0.260 on val, where leader had 0.300."
    )
    assert judge(_epoch(6, 0.2)) == ""  # at its end there is nothing to save
    assert judge({"event": "batch", "epoch": 3}) == ""


@pytest.mark.parametrize(
    ("chance", "leaders", "is_ended"),
    [
        (0.85, 0.85, True),
        (0.6, 0.85, True),
        (0.97, 0.85, False),  # may be needed, if the board is slower than predicted
        (0.97, 0.96, True),  # that one is sure enough
        (1.0, 1.0, True),  # no limit of time
    ],
)
def test_one_that_is_surer_to_fit_is_kept(chance: float, leaders: float, is_ended: bool) -> None:
    judge = watch(chance, [Rival("leader", leaders, LEADER.best)], 6)
    assert bool(judge(_epoch(4, 0.1))) is is_ended


def test_what_says_nothing_ends_nothing() -> None:
    assert watch(0.8, [], 6)(_epoch(4, 0.0)) == ""
    assert watch(0.8, [LEADER], 6)(_epoch(4, None)) == ""
    unknown = Rival("leader", 0.8, dict.fromkeys(range(1, 7)))
    assert watch(0.8, [unknown], 6)(_epoch(4, 0.0)) == ""
    assert watch(0.8, [Rival("leader", 0.8, {})], 6)(_epoch(4, 0.0)) == ""


def test_one_that_ended_before_by_patience_still_judges() -> None:
    ended = Rival("leader", 0.85, {1: 0.3, 2: 0.5})
    assert "leader had 0.500" in watch(0.8, [ended], 6)(_epoch(5, 0.4))
