"""The front, the area it covers and its knee, by hand and by what holds of any set of nets."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeyolo.measure.bootstrap import Float
from edgeyolo.measure.pareto import front, hypervolume, hypervolume_interval, knee, separable

# A grid as coarse as this makes equals likely.
_net = st.tuples(st.integers(1, 12).map(float), st.integers(0, 8).map(lambda n: n / 8))
_nets = st.lists(_net, min_size=1, max_size=12).map(lambda nets: np.array(nets, np.float64))


def _front(*nets: tuple[float, float]) -> list[int]:
    latency, quality = np.array(nets, np.float64).T
    return front(latency, quality).tolist()


def _beats(one: Float, other: Float) -> bool:
    return bool(one[0] <= other[0] and one[1] >= other[1] and (one != other).any())


def test_front_by_hand() -> None:
    assert _front((30, 0.5), (10, 0.3), (20, 0.2), (40, 0.5), (50, 0.9)) == [1, 0, 4]
    assert _front((10, 0.3)) == [0]
    assert _front((10, 0.3), (10, 0.4), (9, 0.1)) == [2, 1]  # the better of the equally fast
    assert _front((10, 0.3), (9, 0.1), (10, 0.3), (11, 0.3)) == [1, 0, 2]  # equals both
    assert front(np.empty(0), np.empty(0)).tolist() == []


@settings(deadline=None)
@given(_nets)
def test_the_front_is_what_nothing_beats(nets: Float) -> None:
    chosen = front(*nets.T)
    free = [i for i, net in enumerate(nets) if not any(_beats(other, net) for other in nets)]
    assert sorted(chosen.tolist()) == free
    assert (np.diff(nets[chosen, 0]) >= 0).all()
    assert (np.diff(nets[chosen, 1]) >= 0).all()


def test_hypervolume_by_hand() -> None:
    """Left of 100 ms: 0.3 from 10 ms on, 0.2 more from 50 ms on; one is beaten, one too slow."""
    latency = np.array([50.0, 10, 60, 100, 200])
    quality = np.array([0.5, 0.3, 0.4, 0.9, 1.0])
    assert hypervolume(latency, quality, 100) == pytest.approx(0.3 * 0.9 + 0.2 * 0.5)
    assert hypervolume(latency, quality, 10) == 0
    assert hypervolume(np.array([1e-9]), np.array([1.0]), 1) == pytest.approx(1)


@settings(deadline=None)
@given(_nets, _net, st.integers(1, 15))
def test_hypervolume_never_falls_when_a_net_is_added(
    nets: Float, more: tuple[float, float], limit: int
) -> None:
    before = hypervolume(*nets.T, limit)
    latency, quality = np.vstack([nets, more]).T
    after = hypervolume(latency, quality, limit)
    assert 0 <= before <= after + 1e-12 <= 1 + 2e-12
    if not any(_beats(net, np.array(more)) or (net == more).all() for net in nets):
        assert after > before or more[0] >= limit or more[1] == 0


@settings(deadline=None)
@given(_nets, st.integers(1, 15), st.floats(0.1, 10))
def test_hypervolume_is_that_of_the_front_in_any_unit(
    nets: Float, limit: int, scale: float
) -> None:
    chosen = nets[front(*nets.T)]
    expected = pytest.approx(hypervolume(*nets.T, limit))
    assert hypervolume(*chosen.T, limit) == expected
    if all(abs(net[0] - limit) > 1e-6 for net in nets):
        assert hypervolume(nets[:, 0] * scale, nets[:, 1], limit * scale) == expected


@settings(deadline=None)
@given(_nets, st.integers(1, 15))
def test_hypervolume_is_counted_cells(nets: Float, limit: int) -> None:
    """On a grid the area is the number of cells with a net up and left of them."""
    cells = [(x, y) for x in range(limit) for y in range(8)]
    covered = sum(any(n[0] <= x and n[1] * 8 > y for n in nets) for x, y in cells)
    assert hypervolume(*nets.T, limit) == pytest.approx(covered / len(cells))


def test_hypervolume_interval() -> None:
    noise = np.array([NormalDist(0, 0.02).inv_cdf((rank + 0.5) / 1000) for rank in range(1000)])
    latency, quality = np.array([20.0, 10, 60]), np.array([0.4, 0.3, 0.5])
    draws = quality[:, None] + noise  # all nets go up and down together
    point = hypervolume(latency, quality, 50)
    low, high = hypervolume_interval(latency, draws, 50, point)
    # Of the two that count, 0.02 up or down over the 40 of 50 ms from the first one on.
    assert (low, high) == pytest.approx((point - 0.0314, point + 0.0314), abs=0.001)
    assert hypervolume_interval(latency, draws, 50) == pytest.approx((low, high), abs=0.001)


def test_hypervolume_interval_leaves_draws_without_objects_out() -> None:
    draws = np.array([[0.2, np.nan, 0.4], [0.3, np.nan, 0.6]])
    low, high = hypervolume_interval(np.array([1.0, 2]), draws, 4, 0.25)
    whole = [hypervolume(np.array([1.0, 2]), draws[:, index], 4) for index in (0, 2)]
    assert whole[0] <= low <= 0.25 <= high <= whole[1]


def test_paired_draws_make_a_narrower_interval_than_shuffled_ones_could() -> None:
    """Each column is one draw of images: nets must not be sorted, or drawn, for themselves."""
    latency = np.array([10.0, 20])
    draws = np.array([[0.2, 0.4], [0.6, 0.2]])
    expected = [hypervolume(latency, draws[:, index], 40) for index in (0, 1)]
    low, high = hypervolume_interval(latency, np.repeat(draws, 500, axis=1), 40)
    assert (low, high) == pytest.approx((min(expected), max(expected)))


def test_knee_by_hand() -> None:
    latency = np.array([10.0, 20, 50, 30, 110])
    quality = np.array([0.1, 0.7, 0.6, 0.72, 0.9])
    assert knee(latency, quality) == 1  # (0.1, 0.75) of the span; the one at 30 ms (0.2, 0.775)
    assert knee(latency[[0, 1]], quality[[0, 1]]) is None
    assert knee(np.array([10.0, 10, 20]), np.array([0.1, 0.1, 0.2])) is None  # two places
    assert knee(np.array([1.0, 2, 3]), np.array([0.1, 0.2, 0.3])) is None  # a straight line
    assert knee(np.array([1.0, 2, 3]), np.array([0.1, 0.15, 0.3])) is None  # below it
    assert knee(np.empty(0), np.empty(0)) is None


@settings(deadline=None)
@given(_nets, st.sampled_from([0.25, 2.0, 8.0]), st.integers(0, 3), st.sampled_from([0.5, 0.25]))
def test_the_knee_is_in_any_unit_the_same(
    nets: Float, scale: float, later: int, flatter: float
) -> None:
    latency, quality = nets.T
    found = knee(latency, quality)
    assert knee(latency * scale, quality) == found
    moved = knee(latency + later, quality * flatter)
    assert (moved is None) == (found is None)
    if found is not None and moved is not None:
        assert found in front(latency, quality)
        assert (nets[moved] == nets[found]).all() or _above(nets, moved) == pytest.approx(
            _above(nets, found)
        )
        assert _above(nets, found) == pytest.approx(
            max(_above(nets, index) for index in front(latency, quality))
        )


def _above(nets: Float, index: int) -> float:
    """How far one is above the line between the ends of the front, by its equation."""
    ends = nets[front(*nets.T)][[0, -1]]
    span = ends[1] - ends[0]
    along, up = (nets[index] - ends[0]) / span
    return float(up - along)


@pytest.mark.parametrize(
    ("difference", "latency", "other", "told"),
    [
        ((-0.01, 0.02), (10, 12), (11, 13), False),
        ((0.0, 0.02), (10, 12), (12, 13), False),  # the bounds belong to the intervals
        ((0.001, 0.02), (10, 12), (11, 13), True),
        ((-0.02, -0.001), (10, 12), (11, 13), True),
        ((-0.01, 0.02), (10, 12), (12.1, 13), True),
        ((-0.01, 0.02), (12.1, 13), (10, 12), True),
    ],
)
def test_separable(
    difference: tuple[float, float],
    latency: tuple[float, float],
    other: tuple[float, float],
    told: bool,
) -> None:
    assert separable(difference, latency, other) is told
    low, high = difference
    assert separable((-high, -low), other, latency) is told
