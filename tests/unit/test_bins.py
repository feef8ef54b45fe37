"""Fewer DFL bins keep what the distribution says as far as they reach."""

from __future__ import annotations

import math

import pytest
import torch

from edgeyolo.slim.bins import rebin_convolution, rebin_logits


def shares(logits: torch.Tensor) -> torch.Tensor:
    return logits.reshape(*logits.shape[:-1], 4, -1).softmax(-1)


@pytest.mark.parametrize("new", [8, 4])
def test_the_mass_beyond_falls_into_the_last_bin(new: int) -> None:
    logits = torch.randn(5, 7, 64, generator=torch.Generator().manual_seed(0))
    old, fewer = shares(logits), shares(rebin_logits(logits, new))
    assert torch.allclose(fewer[..., : new - 1], old[..., : new - 1], atol=1e-5)
    assert torch.allclose(fewer[..., -1], old[..., new - 1 :].sum(-1), atol=1e-5)


def test_a_single_bin_is_the_expected_distance() -> None:
    logits = torch.randn(3, 64, generator=torch.Generator().manual_seed(1))
    expected = (shares(logits) * torch.arange(16.0)).sum(-1)
    assert torch.allclose(rebin_logits(logits, 1), expected, atol=1e-5)


def test_as_many_bins_change_nothing() -> None:
    logits = torch.randn(2, 32)
    assert rebin_logits(logits, 8) is logits


def test_empty_bins_stay_finite() -> None:
    logits = torch.full((1, 64), -1000.0)
    logits[:, ::16] = 1000
    assert torch.isfinite(rebin_logits(logits, 4)).all()


@pytest.mark.parametrize("new", [8, 4])
def test_rows_of_the_bins_within_reach_are_kept(new: int) -> None:
    generator = torch.Generator().manual_seed(2)
    weight, bias = torch.randn(64, 6, 1, 1, generator=generator), torch.randn(64)
    rows, offsets = rebin_convolution(weight, bias, new)
    assert rows.shape == (4 * new, 6, 1, 1) and offsets.shape == (4 * new,)
    assert torch.equal(rows.view(4, new, 6)[:, :-1], weight.view(4, 16, 6)[:, : new - 1])
    # Where the bins beyond are alike, the last one takes over exactly their sum.
    weight.view(4, 16, 6)[:, new - 1 :] = 0.3
    bias.view(4, 16)[:, new - 1 :] = -0.7
    rows, offsets = rebin_convolution(weight, bias, new)
    x = torch.randn(6, generator=generator)
    fewer = rows.flatten(1) @ x + offsets
    assert torch.allclose(
        shares(fewer), shares(rebin_logits(weight.flatten(1) @ x + bias, new)), atol=1e-5
    )


def test_a_plain_distance_follows_the_expectation_to_first_order() -> None:
    generator = torch.Generator().manual_seed(3)
    weight = 0.01 * torch.randn(64, 6, 1, 1, generator=generator)
    bias = torch.randn(64, generator=generator)
    rows, offsets = rebin_convolution(weight, bias, 1)
    for scale in (1.0, 0.1):
        x = scale * torch.randn(6, generator=generator)
        exact = rebin_logits(weight.flatten(1) @ x + bias, 1)
        error = float((rows.flatten(1) @ x + offsets - exact).abs().max())
        assert error < 0.02 * scale**2 * math.log(16) * 4
