"""The derived name of a spec leads back to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyolo.errors import SpecError
from edgeyolo.slim.spec import ACTIVATIONS, REG_MAX_CHOICES, SlimSpec
from edgeyolo.slim.spec_name import spec_of_name

HEADS = (("P3", "P4", "P5"), ("P3", "P4"), ("P4", "P5"), ("P3",), ("P4",), ("P5",))


@st.composite
def specs(draw: st.DrawFn) -> SlimSpec:
    heads = draw(st.sampled_from(HEADS))
    return SlimSpec(
        width=draw(st.integers(1, 64)) / 64,
        depth=draw(st.sampled_from([0.1, 0.33, 1 / 3, 0.67, 1, 1e-5])),
        heads=heads,
        reg_max=draw(st.sampled_from(REG_MAX_CHOICES)),
        max_channels=64 * draw(st.integers(1, 16)),
        activation=draw(st.sampled_from(list(ACTIVATIONS))),
        cut_backbone="P5" not in heads and draw(st.booleans()),
    )


@given(specs())
def test_there_and_back(spec: SlimSpec) -> None:
    assert spec_of_name(spec.name) == spec


def test_the_largest_stock_net() -> None:
    assert spec_of_name("w1.25-d1-m512") == SlimSpec(width=1.25, depth=1.0, max_channels=512)


@pytest.mark.parametrize("name", ["", "n", "w0.125", "w0.125-d0.33-P3P4-q", "w0.125-d0.33-r8-P3P4"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(SpecError, match="is not the name of a net"):
        spec_of_name(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("w0.13-d0.33", "the nearest are 0.125 and"),
        ("w0.125-d0.33-r7", "the nearest is 8"),
        ("w0.125-d0.33-P3P5", "without P4"),
        ("w0.125-d0.33-cut", "while P5 is kept"),
    ],
)
def test_a_net_that_cannot_be_is_refused_as_ever(name: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec_of_name(name)
    assert said in str(caught.value)
