"""Which positions of a tensor count for its range."""

from __future__ import annotations

import numpy as np
import pytest

from edgeyolo.quantize.salience import positions, salience
from edgeyolo.quantize.statistics import TensorStatistics

STRIDES = (16, 32)


def _outputs(level: int, row: int, column: int) -> list[np.ndarray]:
    """Raw outputs at 128 pixels of a net with two levels that sees one object."""
    outputs = []
    for index, stride in enumerate(STRIDES):
        side = 128 // stride
        logits = np.full((1, 3, side, side), -12, np.float32)
        if index == level:
            logits[0, 1, row, column] = 5
        outputs += [np.zeros((1, 64, side, side), np.float32), logits]
    return outputs


def test_the_best_score_of_all_levels_on_the_finest_grid() -> None:
    fine = salience(_outputs(0, 5, 2), STRIDES)
    assert fine.shape == (8, 8)
    assert np.argwhere(fine > 0.9).tolist() == [[5, 2]]
    coarse = salience(_outputs(1, 1, 3), STRIDES)
    assert np.argwhere(coarse > 0.9).tolist() == [[2, 6], [2, 7], [3, 6], [3, 7]]


@pytest.mark.parametrize("side", [4, 8, 64])
def test_an_object_counts_at_every_size_and_background_seldom(side: int) -> None:
    seen = salience(_outputs(0, 5, 2), STRIDES)
    counts = np.zeros((side, side))
    for seed in range(40):
        counted = positions(seen, side, side, np.random.default_rng(seed))
        counts.reshape(-1)[counted] += 1
    rows, columns = (slice(place * side // 8, (place * side + side) // 8) for place in (5, 2))
    if side == 4:  # one position covers four of the finest level
        rows, columns = slice(2, 3), slice(1, 2)
    assert (counts[rows, columns] >= 36).all()
    if side == 64:
        counts[rows, columns] = 0
        assert 0.05 < counts.mean() / 40 < 0.15


def test_counts_are_of_those_positions_and_extremes_of_all() -> None:
    statistics = TensorStatistics()
    values = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    statistics.add(values, np.array([0, 4]))
    assert (statistics.low, statistics.high) == (0, 11)
    seen = statistics.centers[np.flatnonzero(statistics.counts)]
    assert np.floor(seen).tolist() == [0, 4, 6, 10]
