"""Which nets can come from which, in one step and in several."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyolo.errors import EdgeyoloError, SpecError
from edgeyolo.plan.plan import Plan
from edgeyolo.slim.architecture import from_yaml, to_yaml
from edgeyolo.slim.checks import check_inherits
from edgeyolo.slim.cost import convolutions
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.train.recipe import Recipe

N = SlimSpec()
S = SlimSpec(width=0.5)
M = SlimSpec(width=0.75, depth=0.67, max_channels=768)
L = SlimSpec(width=1, depth=1, max_channels=512)
X = SlimSpec(width=1.25, depth=1, max_channels=512)


def plan(spec: SlimSpec, gradual: int) -> Plan:
    return Plan("d", "o", False, None, spec, ("ncnn",), Recipe(60, 320), 40, gradual=gradual)


def test_the_largest_stock_net_is_known() -> None:
    assert from_yaml(to_yaml(X, 80)) == X
    with pytest.raises(SpecError, match=r"1\.1 is not possible"):
        SlimSpec(width=1.1)


@pytest.mark.parametrize("wide", [N, S, M, L, X], ids=lambda spec: spec.name)
def test_each_stock_net_gives_the_usual_ones(wide: SlimSpec) -> None:
    check_inherits(SlimSpec(width=0.125), wide)
    check_inherits(N, wide)
    for gradual in (2, 3, 4):
        assert len(plan(SlimSpec(width=0.125), gradual).steps(wide)) == gradual


def test_too_many_channels_are_refused_with_a_cap_that_fits() -> None:
    slim = SlimSpec(width=0.625)
    with pytest.raises(SpecError) as caught:
        check_inherits(slim, L)
    assert "--max-channels 768" in str(caught.value.hint)
    check_inherits(slim.with_(max_channels=768), L)
    check_inherits(slim.with_(heads=("P3", "P4"), cut_backbone=True), L)


@given(
    st.sampled_from([N, S, M, L, X]),
    st.integers(1, 48),
    st.sampled_from([1024, 768, 512]),
    st.integers(2, 4),
)
def test_no_step_has_more_of_anything_than_the_one_before(
    wide: SlimSpec, width: int, cap: int, gradual: int
) -> None:
    slim = SlimSpec(width=width / 64, max_channels=cap)
    try:
        check_inherits(slim, wide)
        steps = plan(slim, gradual).steps(wide)
    except EdgeyoloError as error:
        assert error.hint
        return
    nets = [wide.with_(depth=slim.depth), *(spec for spec, _ in steps)]
    assert nets[-1] == slim
    assert sum(recipe.epochs for _, recipe in steps) == 60
    for before, after in pairwise(nets):
        check_inherits(after, before)
        pairs = zip(convolutions(before, 3), convolutions(after, 3), strict=True)
        backbone = [(a.outputs, b.outputs) for a, b in pairs if a.part != "head"]
        assert all(mine <= theirs for theirs, mine in backbone)
