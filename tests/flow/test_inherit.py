"""Weights go from a wide net to a slim one, and every tensor is accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from edgeyolo.errors import CheckpointError, SpecError
from edgeyolo.slim.checkpoint import names_of, open_checkpoint, save_checkpoint, spec_of
from edgeyolo.slim.cost import cost
from edgeyolo.slim.cut import cut
from edgeyolo.slim.inherit import inherit
from edgeyolo.slim.net import build, count_parameters, raw_heads
from edgeyolo.slim.origin import Origin
from edgeyolo.slim.prune import prune
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.slim.split import SplitC2f, merged_state

pytestmark = pytest.mark.xdist_group("inherit")
WIDE = SlimSpec()
NAMES = ("cat", "dog", "bird")
SPECS = [
    SlimSpec(width=0.125),
    SlimSpec(width=0.1875, heads=("P4", "P5")),
    SlimSpec(width=0.125, heads=("P3", "P4"), reg_max=8),
    SlimSpec(width=0.0625, depth=0.1, heads=("P3",), reg_max=1, activation="relu"),
    SlimSpec(width=11 / 64, heads=("P3", "P4"), cut_backbone=True),
    SlimSpec(heads=("P4",), max_channels=256),
    SlimSpec(width=5 / 64, heads=("P5",)),
]


@pytest.fixture(scope="module")
def wide() -> Any:
    """A net whose BatchNorm has seen something, so that no two channels are alike."""
    torch.manual_seed(0)
    net = build(WIDE, NAMES).train()
    with torch.no_grad():
        net(torch.rand(4, 3, 64, 64))
        for parameter in net.parameters():
            if parameter.requires_grad:
                parameter.add_(0.02 * torch.randn_like(parameter))
    return net.eval()


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))


def test_the_same_specification_is_bit_identical(wide: Any) -> None:
    net, fates = inherit(wide, WIDE, NAMES)
    state = wide.state_dict()
    assert list(net.state_dict()) == list(state)
    for name, value in net.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert {fate.fate for fate in fates} == {"inherited"}


@pytest.mark.real_data
def test_the_official_net_is_inherited_whole(test_data: Path) -> None:
    source = open_checkpoint(test_data / "weights" / "yolov8n.pt")
    assert spec_of(source) == WIDE
    net, fates = inherit(source, WIDE, names_of(source))
    assert [fate.fate for fate in fates] == ["inherited"] * 355
    for name, value in source.state_dict().items():
        assert torch.equal(net.state_dict()[name], value), name


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_any_smaller_net_inherits(
    spec: SlimSpec, wide: Any, image: torch.Tensor, tmp_path: Path
) -> None:
    net, fates = inherit(wide, spec, NAMES)
    assert [fate.name for fate in fates] == list(net.state_dict())
    assert {fate.fate for fate in fates} <= {"inherited", "sliced", "re-binned", "extended"}
    outputs = raw_heads(net.eval(), image)
    assert len(outputs) == 2 * len(spec.heads)
    assert all(torch.isfinite(output).all() for output in outputs)
    save_checkpoint(net, tmp_path / "net.pt")
    again = open_checkpoint(tmp_path / "net.pt")
    assert (spec_of(again), names_of(again)) == (spec, NAMES)
    for ours, theirs in zip(outputs, raw_heads(again, image), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    "source",
    [
        SlimSpec(width=0.5),
        SlimSpec(width=0.75, depth=0.67, max_channels=768),
        SlimSpec(width=1, max_channels=512),
        SlimSpec(width=1.25, max_channels=512),
    ],
    ids=lambda spec: spec.name,
)
def test_larger_nets_give_small_ones(source: SlimSpec, image: torch.Tensor) -> None:
    """In the widths of YOLOv8s, m, l and x, with the caps that these put on their channels."""
    spec = SlimSpec(width=0.125, heads=("P3", "P4"))
    net, fates = inherit(build(source, NAMES, seed=1), spec, NAMES)
    assert count_parameters(net) == cost(spec, len(NAMES), 64).parameters
    assert {fate.fate for fate in fates} <= {"inherited", "sliced"}
    with torch.no_grad():
        assert all(torch.isfinite(output).all() for output in raw_heads(net.eval(), image))


def test_pruned_net_and_yaml_net_compute_the_same(wide: Any, image: torch.Tensor) -> None:
    """What Torch-Pruning leaves, with split blocks, equals the plain net it is merged into."""
    spec = SlimSpec(width=0.125, heads=("P3", "P4"))
    target = build(spec, NAMES)
    trunk = cut(wide, target, Origin(WIDE, spec, NAMES, NAMES))
    prune(trunk, target, "l2", None)
    assert any(isinstance(module, SplitC2f) for module in trunk.model)
    target.load_state_dict(merged_state(trunk), strict=True)
    with torch.no_grad():
        pairs = zip(raw_heads(trunk.eval(), image), raw_heads(target.eval(), image), strict=True)
        assert max(float((a - b).abs().max()) for a, b in pairs) < 1e-4


def test_dropping_heads_keeps_what_the_others_say(wide: Any, image: torch.Tensor) -> None:
    net, _ = inherit(wide, WIDE.with_(heads=("P3", "P4")), NAMES)
    for ours, theirs in zip(raw_heads(net.eval(), image), raw_heads(wide, image)[:4], strict=True):
        assert torch.equal(ours, theirs)


def test_the_most_important_channels_stay(wide: Any) -> None:
    """Channels made a hundred times stronger survive, wherever they are."""
    from copy import deepcopy

    source = deepcopy(wide)
    strong = [1, 5, 8, 12]
    conv = source.model[0].conv
    conv.weight.data[strong] *= 100
    net, _ = inherit(source, SlimSpec(width=0.125), NAMES)
    kept = net.model[0].conv.weight
    for index in strong:
        matches = [torch.equal(row, conv.weight[index]) for row in kept]
        assert sum(matches) == 1, index


def test_class_rows_go_by_name(wide: Any) -> None:
    names = ("bird", "horse", "cat")
    net, _ = inherit(wide, WIDE, names)
    ours, theirs = net.model[-1].cv3[0][2], wide.model[-1].cv3[0][2]
    for new, old in ((0, 2), (2, 0)):
        assert torch.equal(ours.weight[new], theirs.weight[old])
        assert torch.equal(ours.bias[new], theirs.bias[old])
    assert not any(torch.equal(ours.weight[1], row) for row in theirs.weight)
    assert ours.bias[1] < -4, "a class never seen starts as rare"


@pytest.mark.parametrize(
    ("source", "wanted", "said"),
    [
        (SlimSpec(heads=("P3", "P4")), SlimSpec(), "P5"),
        (SlimSpec(), SlimSpec(depth=0.67), "depth"),
        (SlimSpec(reg_max=8), SlimSpec(), "reg-max"),
        (SlimSpec(), SlimSpec(width=0.5), "width 0.25 or less"),
        (SlimSpec(heads=("P3",), cut_backbone=True), SlimSpec(heads=("P3",)), "lacks"),
    ],
    ids=["head", "depth", "bins", "width", "stage"],
)
def test_a_larger_net_is_refused(source: SlimSpec, wanted: SlimSpec, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        inherit(build(source, NAMES), wanted, NAMES)


@pytest.mark.parametrize(
    ("settings", "side"),
    [({"imgsz": 320}, 320), ({"imgsz": [320, 640]}, 640), ({"imgsz": "big"}, 640), ([320], 640)],
)
def test_a_checkpoint_with_odd_settings_opens(settings: Any, side: int, tmp_path: Path) -> None:
    from edgeyolo.slim.checkpoint import imgsz_of

    save_checkpoint(build(SlimSpec(width=1 / 64), NAMES), tmp_path / "net.pt")
    stored = torch.load(tmp_path / "net.pt", weights_only=False)
    torch.save({**stored, "train_args": settings}, tmp_path / "odd.pt")
    assert imgsz_of(open_checkpoint(tmp_path / "odd.pt")) == side


@pytest.mark.parametrize("content", [b"", b"hello", b"abcabcabcabc", b"\x80\x02X\xff\xff\xff\x7f"])
def test_what_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "net.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        open_checkpoint(tmp_path / "net.pt")


@pytest.mark.parametrize("heads", [("P3", "P4", "P5"), ("P4", "P5")])
def test_stock_ultralytics_loads_and_retrains_it(
    heads: tuple[str, ...], wide: Any, tmp_path: Path, small_demo: Path
) -> None:
    from ultralytics import YOLO

    spec = SlimSpec(width=0.125, heads=heads)
    net, _ = inherit(wide, spec, NAMES)
    path = tmp_path / "slim.pt"
    save_checkpoint(net, path)
    model = YOLO(path)
    assert sum(p.numel() for p in model.model.parameters()) == sum(
        p.numel() for p in net.parameters()
    )
    result = model.predict(torch.zeros(1, 3, 64, 64), imgsz=64, verbose=False)
    assert result[0].names == dict(enumerate(NAMES))
    settings = {"imgsz": 96, "epochs": 1, "batch": 8, "workers": 0, "device": "cpu"}
    model.train(data=str(small_demo), project=str(tmp_path), plots=False, amp=False, **settings)
    again = open_checkpoint(next(tmp_path.rglob("last.pt")))
    assert spec_of(again) == spec
    moved = [
        float((one - other).detach().abs().max())
        for one, other in zip(again.model[0].parameters(), net.model[0].parameters(), strict=True)
    ]
    assert 0 < max(moved) < 0.1  # it went on from these weights
