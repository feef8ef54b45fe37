"""Statistics of tensors, gathered in any order, and the ranges that are chosen from them."""

from __future__ import annotations

import click
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyolo.cli.commands.quantize import command
from edgeyolo.quantize.ranges import METHODS, Range, choose_range, hard_swish, joined, relu, silu
from edgeyolo.quantize.statistics import TensorStatistics


def _gather(parts: list[np.ndarray]) -> TensorStatistics:
    statistics = TensorStatistics()
    for part in parts:
        statistics.add(part.astype(np.float32))
    return statistics


@given(st.lists(st.floats(-1000, 1000, width=32), min_size=2, max_size=40), st.randoms())
def test_order_of_the_images_does_not_matter(values: list[float], random) -> None:
    shuffled = values[:]
    random.shuffle(shuffled)
    a, b = (_gather([np.array([value]) for value in order]) for order in (values, shuffled))
    assert (a.low, a.high, a.reach) == (b.low, b.high, b.reach)
    assert (a.counts == b.counts).all()
    assert a.counts.sum() == len(values)


def test_bins_hold_the_values_that_lie_in_them() -> None:
    values = np.random.default_rng(0).normal(0, 3, 5000).astype(np.float32)
    statistics = _gather([values[:1000], values[1000:]])
    width = statistics.centers[1] - statistics.centers[0]
    for index in np.flatnonzero(statistics.counts)[::50]:
        center = statistics.centers[index]
        inside = (values >= center - width / 2) & (values < center + width / 2)
        assert inside.sum() == statistics.counts[index]


def test_arrays_bring_the_statistics_back() -> None:
    statistics = _gather([np.arange(-4, 9)])
    again = TensorStatistics.from_arrays(**statistics.to_arrays())
    assert (again.low, again.high, again.reach) == (-4, 8, 16)
    assert (again.counts == statistics.counts).all()


def test_minmax_holds_everything_and_zero_is_a_step() -> None:
    chosen = choose_range(_gather([np.array([0.5, 10.0])]), "minmax", 255)
    assert (chosen.low, chosen.high) == (0, 10)  # zero is always inside: padding is zero
    assert float(chosen.round(np.array(0.0))) == 0


@pytest.mark.parametrize("levels", [254, 255])
def test_mse_clips_an_outlier_only_where_that_helps(levels: int) -> None:
    values = np.random.default_rng(1).normal(0, 1, 200_000)
    calm = choose_range(_gather([values]), "mse", levels)
    wild = choose_range(_gather([values, np.array([20.0])]), "mse", levels)
    assert calm.high > 0.7 * values.max()
    assert wild.high < 17
    for outlier, chosen in (([], calm), ([20.0], wild)):
        everything = np.append(values, outlier)
        widest = Range(everything.min(), everything.max(), levels)
        errors = [((r.round(everything) - everything) ** 2).sum() for r in (chosen, widest)]
        assert errors[0] <= errors[1]


def test_percentile_clips_one_value_in_ten_thousand_and_keeps_zero() -> None:
    values = np.random.default_rng(1).normal(0, 1, 1_000_000)
    chosen = choose_range(_gather([values, np.array([20.0])]), "percentile", 255)
    clipped = ((values < chosen.low) | (values > chosen.high)).mean()
    assert clipped == pytest.approx(1e-4, rel=0.2)
    assert -chosen.low == pytest.approx(chosen.high, rel=0.05)
    positive = choose_range(_gather([np.abs(values) + 1]), "percentile", 255)
    assert positive.low == 0  # padding is zero
    assert 4 < positive.high < 1 + np.abs(values).max()


def test_the_command_offers_every_method() -> None:
    (option,) = [option for option in command.params if option.name == "method"]
    assert isinstance(option.type, click.Choice)
    assert list(option.type.choices) == list(METHODS)


def test_before_silu_the_far_negative_is_not_told_apart() -> None:
    values = np.random.default_rng(2).uniform(-30, 5, 100_000)
    plain = choose_range(_gather([values]), "mse", 255)
    through = choose_range(_gather([values]), "mse", 255, silu)
    assert plain.low < -25
    assert through.low > -12
    errors = [np.square(silu(r.round(values)) - silu(values)).mean() for r in (through, plain)]
    assert errors[0] < errors[1] / 3


def test_a_tensor_of_zeros_has_a_range() -> None:
    chosen = choose_range(_gather([np.zeros(9)]), "mse", 254)
    assert float(chosen.round(np.array(0.0))) == 0
    assert chosen.step > 0


def test_merged_statistics_are_those_of_both() -> None:
    generator = np.random.default_rng(3)
    small, large = generator.normal(0, 0.1, 500), generator.normal(3, 40, 500)
    together = _gather([small, large])
    for first, second in ((small, large), (large, small)):
        merged, other = _gather([first]), _gather([second])
        before = other.counts.copy()
        merged.merge(other)
        assert (merged.low, merged.high, merged.reach) == (
            together.low,
            together.high,
            together.reach,
        )
        assert (merged.counts == together.counts).all()
        assert (other.counts == before).all()


@pytest.mark.parametrize(("function", "name"), [(relu, "relu"), (hard_swish, "hardswish")])
def test_activations_are_those_of_torch(function, name: str) -> None:
    import torch

    values = np.linspace(-6, 6, 101, dtype=np.float32)
    expected = getattr(torch.nn.functional, name)(torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(function(values), expected, atol=1e-6)


def test_groups_that_overlap_are_one() -> None:
    found = joined([("a", "b"), ("c", "d"), ("x", "y"), ("d", "b"), ("x", "y")])
    assert {found.get(name, name) for name in "abcd"} == {found.get("a", "a")}
    assert found.get("x", "x") == found.get("y", "y") != found.get("a", "a")
