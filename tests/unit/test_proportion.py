"""The interval of a share, against published values."""

from __future__ import annotations

import pytest

from edgeyolo.measure.proportion import Proportion


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson(count: int, total: int, low: float, high: float) -> None:
    assert Proportion(count, total).interval() == pytest.approx((low, high), abs=5e-5)


def test_all_of_them() -> None:
    low, high = Proportion(20, 20).interval()
    assert (low, high) == pytest.approx((1 - 0.1611, 1), abs=5e-5)


def test_plain_values() -> None:
    said = Proportion(3, 4).to_dict()
    assert (said["value"], said["correct"], said["images"]) == (0.75, 3, 4)
    assert said["ci"][0] < 0.75 < said["ci"][1]
