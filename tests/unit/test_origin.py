"""Which layer of a larger net each part of a smaller one comes from, and whose part it plays."""

from __future__ import annotations

import pytest

from edgeyolo.slim.architecture import stand_ins
from edgeyolo.slim.origin import Origin
from edgeyolo.slim.spec import SlimSpec

NAMES = ("a", "b")
WIDE = SlimSpec()


@pytest.mark.parametrize(
    ("source", "spec", "expected"),
    [
        (WIDE, WIDE, {}),
        (WIDE, SlimSpec(heads=("P3", "P4")), {}),
        (WIDE, SlimSpec(heads=("P3",)), {}),
        (WIDE, SlimSpec(heads=("P4", "P5")), {12: 18}),
        (WIDE, SlimSpec(heads=("P4",)), {12: 18}),
        (WIDE, SlimSpec(heads=("P5",)), {9: 21}),
        (WIDE, SlimSpec(heads=("P3", "P4"), cut_backbone=True), {6: 12}),
        (WIDE, SlimSpec(heads=("P4",), cut_backbone=True), {6: 18}),
        # A net that has made the change already needs no other.
        (SlimSpec(heads=("P4", "P5")), SlimSpec(heads=("P4",)), {}),
        (SlimSpec(heads=("P3", "P4")), SlimSpec(heads=("P4",)), {12: 18}),
        (SlimSpec(heads=("P4", "P5")), SlimSpec(heads=("P5",)), {9: 15}),
        (SlimSpec(heads=("P4",)), SlimSpec(heads=("P4",), cut_backbone=True), {6: 12}),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_rows_that_are_read_in_the_place_of_another(
    source: SlimSpec, spec: SlimSpec, expected: dict[int, int]
) -> None:
    assert stand_ins(source, spec) == expected


def test_names_follow_layers_levels_and_blocks() -> None:
    spec = SlimSpec(heads=("P4", "P5"), depth=0.1)
    origin = Origin(WIDE, spec, NAMES, NAMES, {4: (1,)})
    assert origin.of("model.0.conv.weight") == "model.0.conv.weight"
    assert origin.of("model.4.m.0.cv1.bn.bias") == "model.4.m.1.cv1.bn.bias"
    assert origin.of("model.6.m.0.cv1.bn.bias") == "model.6.m.0.cv1.bn.bias"
    assert origin.of("model.15.cv2.conv.weight") == "model.21.cv2.conv.weight"
    assert origin.of("model.16.cv3.0.2.bias") == "model.22.cv3.1.2.bias"
    assert origin.of("model.16.dfl.conv.weight") == "model.22.dfl.conv.weight"
    assert origin.stand_ins() == {"model.12.cv2.conv": "model.18.cv2.conv"}


def test_classes_are_matched_by_name() -> None:
    origin = Origin(WIDE, WIDE, ("cat", "dog", "bird"), ("bird", "horse", "cat"))
    assert origin.shared_classes() == ([0, 2], [2, 0])
