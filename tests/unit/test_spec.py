"""SlimSpec refuses what cannot be built, names the nearest, and has a name of its own."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeyolo.errors import SpecError
from edgeyolo.slim.spec import (
    ACTIVATIONS,
    LEVELS,
    REG_MAX_CHOICES,
    SlimSpec,
    check_imgsz,
    parse_heads,
)

HEADS = [("P3", "P4", "P5"), ("P3", "P4"), ("P4", "P5"), ("P3",), ("P4",), ("P5",)]
WIDTHS = [step / 64 for step in range(1, 65)]


@st.composite
def specs(draw: st.DrawFn) -> SlimSpec:
    """Any spec that can be built, with widths and depths as a hurried caller writes them."""
    heads = draw(st.sampled_from(HEADS))
    near = st.sampled_from([0.0, 1e-12, 2e-9, -1e-9])
    width = draw(st.sampled_from(WIDTHS)) + draw(near)
    depth = draw(st.sampled_from([0.33, 1 / 3, 0.5, 0.67, 1, 1.0, 0.3300001]))
    return SlimSpec(
        width=min(max(width, 1 / 64), 1),
        depth=depth,
        heads=heads,
        reg_max=draw(st.sampled_from([*REG_MAX_CHOICES, 8.0])),
        max_channels=draw(st.sampled_from([64, 512, 1024, 1024.0])),
        activation=draw(st.sampled_from(list(ACTIVATIONS))),
        cut_backbone="P5" not in heads and draw(st.booleans()),
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"width": 0.1}, ["0.1 ", "0.09375", "0.109375"]),
        ({"width": 0.99}, ["0.984375", "and 1."]),
        ({"width": 0}, ["use 0.015625"]),
        ({"width": 0.01}, ["use 0.015625"]),
        ({"width": -1}, ["use 0.015625"]),
        ({"width": 2}, ["use 1."]),
        ({"width": math.nan}, ["nan", "multiple of 1/64"]),
        ({"width": math.inf}, ["inf", "use 1."]),
        ({"width": -math.inf}, ["-inf", "use 0.015625"]),
        ({"depth": 0}, ["0.33"]),
        ({"depth": -2}, ["0.33"]),
        ({"depth": 1.01}, ["nearest sensible one is 1."]),
        ({"depth": math.nan}, ["nan"]),
        ({"depth": math.inf}, ["nearest sensible one is 1."]),
        ({"heads": ("P6",)}, ["P6", "nearest is P5"]),
        ({"heads": ("p4",)}, ["p4", "nearest is P4"]),
        ({"heads": ("",)}, ["P3"]),
        ({"heads": ()}, ["No detection head"]),
        ({"heads": ("P3", "P5")}, ["P4", "P3,P4 or P4,P5"]),
        ({"heads": "P3,P4"}, ["head"]),
        ({"reg_max": 7}, ["7", "nearest is 8"]),
        ({"reg_max": 0}, ["nearest is 1"]),
        ({"reg_max": 99}, ["nearest is 16"]),
        ({"max_channels": 100}, ["100", "nearest is 128"]),
        ({"max_channels": 0}, ["nearest is 64"]),
        ({"max_channels": -64}, ["nearest is 64"]),
        ({"max_channels": 2048}, ["nearest is 1024"]),
        ({"activation": "gelu"}, ["gelu", "silu, relu, hardswish"]),
        ({"activation": "SiLU"}, ["SiLU"]),
        ({"cut_backbone": True}, ["P5", "--heads P3,P4"]),
        ({"heads": ("P5",), "cut_backbone": True}, ["P5"]),
    ],
)
def test_refusal_names_the_nearest(changes: dict[str, Any], expected: list[str]) -> None:
    with pytest.raises(SpecError) as caught:
        SlimSpec(**changes)
    assert caught.value.hint
    for part in expected:
        assert part in str(caught.value)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_step_is_accepted_and_survives_its_name(width: float) -> None:
    assert float(SlimSpec(width=width).name.split("-")[0][1:]) == width


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (SlimSpec(), "w0.25-d0.33"),
        (SlimSpec(width=1, depth=1), "w1-d1"),
        (
            SlimSpec(0.125, 0.33, ("P4", "P3"), 8, 512, "relu", True),
            "w0.125-d0.33-P3P4-r8-m512-relu-cut",
        ),
    ],
)
def test_name(spec: SlimSpec, name: str) -> None:
    assert spec.name == name


@given(specs(), specs())
@settings(max_examples=300, deadline=None)
def test_two_specs_share_a_name_exactly_if_they_are_equal(a: SlimSpec, b: SlimSpec) -> None:
    assert (a.name == b.name) == (a == b)


@given(specs(), st.sampled_from([1e-7, 1e-9, 1e-4]))
@settings(max_examples=100, deadline=None)
def test_a_slightly_other_depth_has_another_name(spec: SlimSpec, step: float) -> None:
    other = spec.with_(depth=spec.depth - step)
    assert other != spec
    assert other.name != spec.name


@given(specs())
@settings(max_examples=100, deadline=None)
def test_json_round_trip(spec: SlimSpec) -> None:
    assert SlimSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@given(specs())
@settings(max_examples=50, deadline=None)
def test_width_is_a_multiple_of_a_64th_whatever_was_written(spec: SlimSpec) -> None:
    assert (spec.width * 64).is_integer()


@pytest.mark.parametrize(
    "text", ["P3,P4", "p3 p4", "P3P4", "p4,p3", "P4P3", " P3 , P4 ", "P3,P3,P4", "p3,,p4", "P3\tP4"]
)
def test_parse_heads(text: str) -> None:
    assert parse_heads(text) == ("P3", "P4")


@pytest.mark.parametrize("text", ["", " ", ",", "3,4", "P", "PP3", "P33", "P3;P4", "all", "P3,P5"])
def test_parse_heads_refuses(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_heads(text)
    assert caught.value.hint


@pytest.mark.parametrize("heads", HEADS)
def test_strides_follow_the_heads(heads: tuple[str, ...]) -> None:
    expected = tuple(8 * 2 ** LEVELS.index(head) for head in heads)
    assert SlimSpec(heads=heads[::-1]).strides == expected


@pytest.mark.parametrize(
    ("heads", "imgsz", "least"),
    [(("P5",), 64, "128"), (("P5",), 96, "128"), (("P4",), 32, "64"), (LEVELS, 32, "64")],
)
def test_an_image_too_small_for_its_heads_is_refused(
    heads: tuple[str, ...], imgsz: int, least: str
) -> None:
    """ultralytics' assigner picks ten anchors for each box and breaks where there are fewer.

    BatchNorm breaks in a batch of one image where the deepest map has a single value.
    """
    check_imgsz(imgsz)
    with pytest.raises(SpecError, match=f"(?s)too small.*The least is {least}"):
        check_imgsz(imgsz, SlimSpec(heads=heads))
    check_imgsz(int(least), SlimSpec(heads=heads))
    check_imgsz(64, SlimSpec(heads=("P3",)))
