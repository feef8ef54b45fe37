"""Decoding equals that of ultralytics' own head on the same logits."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from edgeyolo.device.decode import decode
from edgeyolo.slim.spec import SlimSpec

SPECS = [
    SlimSpec(width=1 / 16),
    SlimSpec(width=1 / 16, heads=("P3", "P4"), reg_max=8),
    SlimSpec(width=1 / 16, heads=("P4", "P5"), reg_max=1),
    SlimSpec(width=1 / 16, heads=("P3",), reg_max=4, cut_backbone=True),
]
HEIGHT, WIDTH = 96, 64
Case = tuple[SlimSpec, list[np.ndarray], np.ndarray, np.ndarray]


@pytest.fixture(scope="module", params=SPECS, ids=lambda spec: spec.name)
def case(request: pytest.FixtureRequest) -> Case:
    """Raw outputs of a net, and the boxes (A, 4) and scores (A, C) that ultralytics decodes."""
    torch = pytest.importorskip("torch")
    net_module = pytest.importorskip("edgeyolo.slim.net")
    spec: SlimSpec = request.param
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = net_module.build(spec, ("a", "b", "c")).eval()
        for branch in (net.model[-1].cv2, net.model[-1].cv3):
            for tower in branch:
                tower[-1].weight.data.normal_(0, 1)
                tower[-1].bias.data.normal_(0, 1)
    image = torch.rand((1, 3, HEIGHT, WIDTH), generator=generator)
    with torch.no_grad():
        raw = [tensor.numpy() for tensor in net_module.raw_heads(net, image)]
        decoded = net(image)[0][0].numpy().T
    x, y, w, h = decoded[:, :4].T
    boxes = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)
    return spec, raw, boxes, decoded[:, 4:]


def _sorted(*columns: np.ndarray) -> tuple[np.ndarray, ...]:
    boxes, scores, classes = columns
    order = np.lexsort((*boxes.round(2).T, classes))
    return boxes[order], scores[order], classes[order]


@pytest.mark.parametrize("confidence", [0.0, 0.25, 0.6])
@pytest.mark.parametrize("multi_label", [True, False])
def test_equal_to_ultralytics(case: Case, confidence: float, multi_label: bool) -> None:
    spec, raw, boxes, scores = case
    if multi_label:
        anchor, class_id = np.nonzero(scores > confidence)
    else:
        anchor = np.flatnonzero(scores.max(axis=1) > confidence)
        class_id = scores[anchor].argmax(axis=1)
    assert len(anchor)
    found = decode(raw, spec.strides, spec.reg_max, confidence, multi_label=multi_label)
    expected = _sorted(boxes[anchor], scores[anchor, class_id], class_id)
    for own, other, tolerance in zip(_sorted(*found[:3]), expected, (1e-3, 1e-5, 0), strict=True):
        assert own.shape == other.shape
        np.testing.assert_allclose(own, other, atol=tolerance, rtol=1e-5)


def test_every_anchor_at_confidence_zero(case: Case) -> None:
    spec, raw, boxes, scores = case
    assert len(decode(raw, spec.strides, spec.reg_max, 0.0)[0]) == len(boxes)
    assert len(decode(raw, spec.strides, spec.reg_max, 0.0, multi_label=True)[0]) == scores.size


def _outputs(reg_max: int, value: float, classes: int = 2, box: float = 0.0) -> list[np.ndarray]:
    sizes = [(4, 6), (2, 3)]
    pairs = [((1, 4 * reg_max, *size), (1, classes, *size)) for size in sizes]
    return [
        np.full(shape, fill, np.float32)
        for pair in pairs
        for shape, fill in zip(pair, (box, value), strict=True)
    ]


@pytest.mark.parametrize("reg_max", [16, 8, 1])
@pytest.mark.parametrize("multi_label", [True, False])
@pytest.mark.parametrize("confidence", [0.5, 1.0, 1.5])
def test_nothing_above_the_threshold(reg_max: int, multi_label: bool, confidence: float) -> None:
    boxes, scores, classes, strides = decode(
        _outputs(reg_max, -3), (8, 16), reg_max, confidence, multi_label=multi_label
    )
    assert (boxes.shape, boxes.dtype) == ((0, 4), np.float32)
    assert (scores.shape, scores.dtype) == ((0,), np.float32)
    assert (classes.shape, classes.dtype) == ((0,), np.int64)
    assert (strides.shape, strides.dtype) == ((0,), np.int64)


@pytest.mark.parametrize("value", [100, -100, 1e4, -1e4])
@pytest.mark.parametrize("box", [100, -100, 1e4])
@pytest.mark.parametrize("reg_max", [16, 1])
def test_extreme_logits_warn_nobody(value: float, box: float, reg_max: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        boxes, scores, *_ = decode(
            _outputs(reg_max, value, box=box), (8, 16), reg_max, 0.0, multi_label=True
        )
    assert len(scores) == 60
    assert np.isfinite(boxes).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scores.dtype == np.float32


@pytest.mark.parametrize("reg_max", [16, 1])
@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf, 3e38])
def test_a_box_that_is_no_number_is_left_out(reg_max: int, broken: float) -> None:
    raw = _outputs(reg_max, -9)
    raw[1][0, 1, 1, 2], raw[1][0, 1, 2, 3], raw[1][0, 0, 3, 3] = 2, 3, np.nan
    raw[0][0, :, 1, 2] = broken
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        boxes, scores, classes, strides = decode(raw, (8, 16), reg_max, 0.25)
    if reg_max == 16 and broken == 3e38:  # a distribution as good as any
        assert len(boxes) == 2
    else:
        assert scores.tolist() == [pytest.approx(1 / (1 + np.exp(-3)))]
    assert np.isfinite(boxes).all()
    assert len(boxes) == len(scores) == len(classes) == len(strides)


def test_by_hand() -> None:
    raw = _outputs(4, -9)
    sides = raw[0].reshape(4, 4, 4, 6)
    for side, (distance, row, column) in enumerate([(0, 1, 2), (1, 1, 2), (2, 1, 2), (3, 1, 2)]):
        sides[side, distance, row, column] = 50
    raw[1][0, 1, 1, 2] = 2
    boxes, scores, classes, strides = decode(raw, (8, 16), 4, 0.25)
    assert boxes.tolist() == [[20, 4, 36, 36]]
    assert strides.tolist() == [8]
    assert scores[0] == pytest.approx(1 / (1 + np.exp(-2)))
    assert classes.tolist() == [1]


def test_a_score_equal_to_the_threshold_is_left_out() -> None:
    assert len(decode(_outputs(1, 0), (8, 16), 1, 0.5)[0]) == 0


def test_the_first_of_equal_classes_wins() -> None:
    classes: Any = decode(_outputs(1, 3), (8, 16), 1, 0.5)[2]
    assert not classes.any()
