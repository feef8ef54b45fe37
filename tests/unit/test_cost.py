"""Cost without torch equals what ultralytics counts on the net it builds."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeyolo.errors import SpecError
from edgeyolo.slim.architecture import from_yaml, to_yaml
from edgeyolo.slim.cost import PARTS, convolutions, cost
from edgeyolo.slim.spec import ACTIVATIONS, REG_MAX_CHOICES, SlimSpec

HEADS = [("P3", "P4", "P5"), ("P3", "P4"), ("P4", "P5"), ("P3",), ("P4",), ("P5",)]
P34 = ("P3", "P4")


@st.composite
def specs(draw: st.DrawFn, widest: int = 64) -> SlimSpec:
    heads = draw(st.sampled_from(HEADS))
    return SlimSpec(
        width=draw(st.integers(1, widest)) / 64,
        depth=draw(st.sampled_from([0.05, 0.33, 0.5, 0.67, 1.0])),
        heads=heads,
        reg_max=draw(st.sampled_from(REG_MAX_CHOICES)),
        max_channels=draw(st.sampled_from(range(64, 1025, 64))),
        activation=draw(st.sampled_from(list(ACTIVATIONS))),
        cut_backbone="P5" not in heads and draw(st.booleans()),
    )


@pytest.mark.parametrize(
    ("spec", "classes", "parameters", "gflops"),
    [
        (SlimSpec(), 80, 3157200, 8.86),
        (SlimSpec(width=0.125), 2, 912830, 2.83),
        (SlimSpec(heads=P34), 2, 1997028, None),
        (SlimSpec(width=0.125, heads=P34), 2, 590908, None),
        (SlimSpec(width=0.125, heads=P34, reg_max=8), 2, 501492, None),
    ],
)
def test_known_figures(spec: SlimSpec, classes: int, parameters: int, gflops: float | None) -> None:
    result = cost(spec, classes, 640)
    assert result.parameters == parameters
    if gflops is not None:
        assert round(result.gflops, 2) == gflops


@given(specs(), st.integers(1, 200), st.sampled_from([32, 320, 640]))
@settings(max_examples=50, deadline=None)
def test_parts_add_up(spec: SlimSpec, classes: int, imgsz: int) -> None:
    whole = cost(spec, classes, imgsz)
    parts = [cost(spec, classes, imgsz, part) for part in PARTS]
    assert sum(part.parameters for part in parts) == whole.parameters
    assert sum(part.file_size_bytes for part in parts) == whole.file_size_bytes
    assert sum(part.gflops for part in parts) == pytest.approx(whole.gflops, rel=1e-12)


@given(specs(), st.integers(1, 100))
@settings(max_examples=50, deadline=None)
def test_work_grows_with_the_pixels(spec: SlimSpec, classes: int) -> None:
    assert cost(spec, classes, 640).gflops == pytest.approx(4 * cost(spec, classes, 320).gflops)


@given(specs(), st.integers(1, 100))
@settings(max_examples=100, deadline=None)
def test_yaml_round_trip(spec: SlimSpec, classes: int) -> None:
    assert from_yaml(to_yaml(spec, classes)) == spec


def test_cost_loads_nothing_heavy() -> None:
    code = (
        "import sys; from edgeyolo.slim.cost import cost; from edgeyolo.slim.spec import SlimSpec;"
        "cost(SlimSpec(), 80, 640);"
        "sys.exit(', '.join({'torch', 'numpy', 'cv2', 'ultralytics'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"scales": {}},
        {"scales": None, "scale": "n"},
        {"scale": "n", "scales": {"n": [0.33, 0.25]}},
        {"scale": "n", "scales": {"n": "abc"}},
        {"scale": "n", "scales": {"n": ["a", "b", "c"]}, "backbone": [], "head": []},
        {"scale": "n", "scales": {"n": [0.33, 0.25, 1024]}},
        {"scale": "n", "scales": {"n": [0.33, 0.25, 1024]}, "backbone": [[1]], "head": [3]},
        {"scale": "n", "scales": [0.33, 0.25, 1024]},
        {"depth_multiple": 0.33, "width_multiple": 0.25, "backbone": [], "head": []},
        {"depth_multiple": 0.33, "width_multiple": 0.25, "backbone": [[-1, 1, "Conv", []]]},
        {**to_yaml(SlimSpec(), 80), "activation": "torch.nn.GELU()"},
        {**to_yaml(SlimSpec(), 80), "reg_max": 7},
        {**to_yaml(SlimSpec(), 80), "backbone": to_yaml(SlimSpec(), 80)["backbone"][:-1]},
        {**to_yaml(SlimSpec(), 80), "scales": {"n": [0.33, 1.5, 512]}},
        {**to_yaml(SlimSpec(), 80), "scales": {"n": [0.33, None, 512]}},
    ],
)
def test_foreign_yaml_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(SpecError) as caught:
        from_yaml(values)
    assert caught.value.hint


def _stock() -> list[Path]:
    package = find_spec("ultralytics")
    if package is None or package.origin is None:
        pytest.skip("ultralytics is not installed")
    return sorted((Path(package.origin).parent / "cfg" / "models").rglob("*.yaml"))


def test_only_yolov8_detection_is_taken_for_ours() -> None:
    taken = set()
    for path in _stock():
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        try:
            assert from_yaml({**values, "scale": "n"}) == SlimSpec()
            taken.add(path.stem)
        except SpecError:
            pass
    assert taken == {"yolov8"}


@pytest.mark.parametrize(
    ("scale", "spec"),
    [
        ("n", SlimSpec()),
        ("s", SlimSpec(width=0.5)),
        ("m", SlimSpec(width=0.75, depth=0.67, max_channels=768)),
        ("l", SlimSpec(width=1.0, depth=1.0, max_channels=512)),
    ],
)
def test_stock_scales(scale: str, spec: SlimSpec) -> None:
    path = next(path for path in _stock() if path.stem == "yolov8")
    assert from_yaml({**yaml.safe_load(path.read_text()), "scale": scale}) == spec


@given(specs(widest=24), st.sampled_from([1, 2, 7, 80, 128]))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_equal_to_the_real_net(spec: SlimSpec, classes: int) -> None:
    net_module = pytest.importorskip("edgeyolo.slim.net")
    pytest.importorskip("ultralytics")
    net = net_module.build(spec, tuple(f"class {index}" for index in range(classes)))
    expected = cost(spec, classes, 64)
    assert net_module.count_parameters(net) == expected.parameters
    assert net_module.count_gflops(net, 64) == pytest.approx(expected.gflops, rel=1e-3)
    assert tuple(net.stride.int().tolist()) == spec.strides
    assert from_yaml(net.yaml) == spec
    fused = net.fuse(verbose=False)
    stored = sum(p.numel() for n, p in fused.named_parameters() if ".dfl." not in n)
    assert 4 * stored == expected.file_size_bytes


@given(specs(widest=16), st.sampled_from([1, 80]))
@settings(max_examples=8, deadline=None, derandomize=True)
def test_every_convolution_is_in_the_table_under_its_name(spec: SlimSpec, classes: int) -> None:
    net_module = pytest.importorskip("edgeyolo.slim.net")
    torch = pytest.importorskip("torch")
    net = net_module.build(spec, tuple(f"class {index}" for index in range(classes)))
    real = {
        name.removesuffix(".conv"): (m.in_channels, m.out_channels, m.kernel_size[0])
        for name, m in net.named_modules()
        if isinstance(m, torch.nn.Conv2d)
    }
    table = {c.name: (c.inputs, c.outputs, c.kernel) for c in convolutions(spec, classes)}
    assert table == real
