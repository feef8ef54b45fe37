"""Any spec, drawn at random: it is built, inherits from any wider one, trains, and is exported."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeyolo.device.bundle import Bundle
from edgeyolo.device.engine import load_engine
from edgeyolo.export.bundle import write_bundle
from edgeyolo.slim.checkpoint import open_checkpoint, save_checkpoint, spec_of
from edgeyolo.slim.checks import check_inherits
from edgeyolo.slim.cost import cost
from edgeyolo.slim.criterion import detection_loss
from edgeyolo.slim.examples import Examples
from edgeyolo.slim.inherit import inherit
from edgeyolo.slim.net import build, count_parameters, raw_heads
from edgeyolo.slim.spec import ACTIVATIONS, REG_MAX_CHOICES, SlimSpec
from tests.conftest import ENGINES

pytestmark = pytest.mark.xdist_group("any-spec")
IMGSZ = 128  # with P5 alone the assigner needs its 16 anchors
NAMES = ("a", "b", "c")
HEADS = [("P3", "P4", "P5"), ("P3", "P4"), ("P4", "P5"), ("P3",), ("P4",), ("P5",)]
SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[SlimSpec, SlimSpec]:
    """A spec and one that is at least as large in every direction."""
    heads = draw(st.sampled_from(HEADS))
    steps = draw(st.integers(2, 24))
    reg_max = draw(st.sampled_from(REG_MAX_CHOICES))
    slim = SlimSpec(
        width=steps / 64,
        depth=draw(st.sampled_from([0.1, 0.33, 0.5])),
        heads=heads,
        reg_max=reg_max,
        max_channels=draw(st.sampled_from([256, 512, 768, 1024])),
        activation=draw(st.sampled_from(list(ACTIVATIONS))),
        cut_backbone="P5" not in heads and draw(st.booleans()),
    )
    wide = slim.with_(
        width=draw(st.integers(steps, 32)) / 64,
        depth=draw(st.sampled_from([d for d in (0.1, 0.33, 0.5, 0.67) if d >= slim.depth])),
        heads=draw(st.sampled_from([h for h in HEADS if set(heads) <= set(h)])),
        reg_max=draw(st.sampled_from([r for r in REG_MAX_CHOICES if r >= reg_max])),
        max_channels=1024,
        activation=draw(st.sampled_from(list(ACTIVATIONS))),
        cut_backbone=False,
    )
    check_inherits(slim, wide)
    return slim, wide


def some_examples() -> Examples:
    generator = torch.Generator().manual_seed(0)
    boxes = torch.tensor(
        [[image, image % 3, 0.3 + 0.1 * image, 0.5, 0.3, 0.4] for image in range(4)]
    )
    return Examples(torch.rand(4, 3, IMGSZ, IMGSZ, generator=generator), boxes)


IMPORTANCE = st.sampled_from(["taylor", "l1", "l2", "bn"])


@pytest.mark.slow
@settings(max_examples=6, **SLOW)  # type: ignore[arg-type]
@given(pairs(), IMPORTANCE)
def test_inherits_from_any_wider_net_and_trains(
    specs: tuple[SlimSpec, SlimSpec], importance: str
) -> None:
    check_inheritance(*specs, importance)


@pytest.mark.slow
@settings(max_examples=30, **SLOW)  # type: ignore[arg-type]
@given(pairs(), IMPORTANCE)
def test_many_inherit(specs: tuple[SlimSpec, SlimSpec], importance: str) -> None:
    check_inheritance(*specs, importance)


def check_inheritance(slim: SlimSpec, wide: SlimSpec, importance: str) -> None:
    from ultralytics import YOLO

    net, fates = inherit(build(wide, NAMES), slim, NAMES, some_examples(), importance)
    predicted = cost(slim, len(NAMES), IMGSZ).parameters
    assert count_parameters(net) == pytest.approx(predicted, rel=0.001)
    assert [fate.name for fate in fates] == list(net.state_dict())
    net.train().requires_grad_(True)
    loss = detection_loss(net)  # puts the net into evaluation mode
    total = loss(next(some_examples().batches(4)))
    torch.autograd.backward(total)
    assert torch.isfinite(total)
    assert all(p.grad is not None for n, p in net.named_parameters() if ".dfl." not in n)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.pt"
        save_checkpoint(net, path)
        assert spec_of(open_checkpoint(path)) == slim
        stock = YOLO(path)
        assert sum(p.numel() for p in stock.model.parameters()) == count_parameters(net)
        image = torch.rand(1, 3, IMGSZ, IMGSZ)
        with torch.no_grad():
            for ours, theirs in zip(
                raw_heads(net.eval(), image), raw_heads(stock.model.eval(), image), strict=True
            ):
                assert torch.allclose(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@settings(max_examples=3, **SLOW)  # type: ignore[arg-type]
@given(pairs())
def test_all_engines_say_what_the_net_says(specs: tuple[SlimSpec, SlimSpec]) -> None:
    check_engines(*specs)


@pytest.mark.slow
@settings(max_examples=10, **SLOW)  # type: ignore[arg-type]
@given(pairs())
def test_all_engines_agree_on_many(specs: tuple[SlimSpec, SlimSpec]) -> None:
    check_engines(*specs)


def check_engines(slim: SlimSpec, wide: SlimSpec) -> None:
    net: Any = inherit(build(wide, NAMES), slim, NAMES, some_examples())[0].eval()
    image = torch.rand(1, 3, IMGSZ, IMGSZ, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        expected = [output.numpy() for output in raw_heads(net, image)]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "bundle"
        write_bundle(net, IMGSZ, ENGINES, out)
        for engine in ENGINES:
            outputs = load_engine(Bundle.open(out), engine, 1).infer(image.numpy())
            for mine, theirs in zip(outputs, expected, strict=True):
                scale = max(1.0, float(np.abs(theirs).max()))
                assert np.abs(mine - theirs).max() < 2e-3 * scale, (engine, slim.name)
