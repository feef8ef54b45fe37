"""What a net asks of a machine, and the same read from an NCNN param file."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeyolo.device.bundle import Bundle
from edgeyolo.errors import DataError
from edgeyolo.measure.ncnn_param import read_param, shapes, work_of_param
from edgeyolo.measure.work import Work, work_of
from edgeyolo.quantize.ncnn_format import Layer
from edgeyolo.slim.cost import convolutions
from edgeyolo.slim.spec import SlimSpec

MAGIC = "7767517\n"
HINT = -23330  # shapes that ncnnoptimize notes in the file


def _macs(works: list[Work]) -> Counter[str]:
    found: Counter[str] = Counter()
    for work in works:
        found[work.kind] += work.macs
    return +found


@settings(max_examples=30, deadline=None)
@given(
    width=st.integers(1, 32),
    heads=st.sampled_from([("P3", "P4", "P5"), ("P3", "P4"), ("P4",), ("P5",)]),
    reg_max=st.sampled_from([16, 1]),
    imgsz=st.sampled_from([64, 320]),
)
def test_all_that_is_computed_counts(
    width: int, heads: tuple[str, ...], reg_max: int, imgsz: int
) -> None:
    spec = SlimSpec(width=width / 64, heads=heads, reg_max=reg_max)
    works = work_of(spec, 3, imgsz)
    convs = [conv for conv in convolutions(spec, 3) if conv.trained]
    cells = {stride: (imgsz // stride) ** 2 for conv in convs for stride in conv.strides}
    assert sum(work.macs for work in works) == sum(
        cells[stride] * conv.weights for conv in convs for stride in conv.strides
    )
    assert sum(work.weights for work in works) == sum(conv.weights for conv in convs)
    assert all(work.moved > 0 for work in works)


def test_an_activation_that_is_fused_moves_nothing() -> None:
    spec = SlimSpec()
    moved = [
        sum(w.moved for w in work_of(spec.with_(activation=a), 80, 320)) for a in ("silu", "relu")
    ]
    assert moved[0] > moved[1]


def test_the_exported_net_is_the_one_that_is_counted(slim_bundle: Path) -> None:
    bundle = Bundle.open(slim_bundle)
    (param,) = slim_bundle.glob("**/*.param")
    read = work_of_param(param, bundle.width, bundle.height)
    spec = SlimSpec.from_dict(bundle.provenance["spec"])
    counted = work_of(spec, len(bundle.names), bundle.width)
    assert _macs(read) == _macs(counted)
    assert sum(w.weights for w in read) == sum(w.weights for w in counted)
    moved = [sum(w.moved for w in works) for works in (read, counted)]
    assert moved[0] == pytest.approx(moved[1], rel=0.1)


# NCNN param files


@pytest.mark.real_data
def test_shapes_are_those_that_ncnn_found(test_data: Path) -> None:
    """The files carry shapes as hints; they are not looked at here."""
    checked = 0
    for path in sorted((test_data.parent / "devices" / "ncnn_models").glob("*.param")):
        layers = read_param(path)
        start = next(layer for layer in layers if layer.kind == "Input")
        if not start.number(0):
            continue
        bare = [
            replace(layer, parameters={k: v for k, v in layer.parameters.items() if k != HINT})
            for layer in layers
        ]
        found = shapes(bare, (start.number(0), start.number(1)), path)
        for layer in layers:
            checked += _matches(layer, found, path)
    assert checked > 2500


def _matches(layer: Layer, found: dict[str, tuple[int, ...]], path: Path) -> int:
    hint = [int(value) for value in layer.parameters.get(HINT, "").split(",")[1:]]
    for index in range(len(hint) // 4):
        dims, *sides = hint[4 * index : 4 * index + 4]
        assert found[layer.outputs[index]] == tuple(sides[:dims]), (path, layer)
    return len(hint) // 4


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "gigamacs"),  # as the papers of these nets have them
    [("resnet50", 3.86), ("vgg16", 15.5), ("mobilenet", 0.57), ("squeezenet", 0.39)],
)
def test_known_nets_cost_what_is_known(test_data: Path, name: str, gigamacs: float) -> None:
    path = test_data.parent / "devices" / "ncnn_models" / f"{name}.param"
    works = work_of_param(path, 224, 224)
    assert sum(work.macs for work in works) / 1e9 == pytest.approx(gigamacs, rel=0.05)


def _param(folder: Path, *lines: str) -> Path:
    path = folder / "net.param"
    path.write_text(MAGIC + f"{len(lines)} {len(lines)}\n" + "\n".join(lines) + "\n")
    return path


def _shape(folder: Path, line: str, size: tuple[int, int] = (20, 12)) -> tuple[int, ...]:
    path = _param(folder, "Input in 0 1 a 0=9 1=9 2=8", line)
    return shapes(read_param(path), size, path)["b"]


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("Convolution x 1 1 a b 0=16 1=3 3=2 4=1 6=1152", (10, 6, 16)),
        ("Convolution x 1 1 a b 0=16 1=3 2=2 4=-233 6=1152", (20, 12, 16)),
        ("Convolution x 1 1 a b 0=16 1=3 3=3 4=-233 6=1152", (7, 4, 16)),
        ("Convolution x 1 1 a b 0=4 1=5 11=3 6=480", (16, 10, 4)),
        ("Deconvolution x 1 1 a b 0=4 1=2 3=2 6=128", (40, 24, 4)),
        ("Pooling x 1 1 a b 0=0 1=2 2=2", (10, 6, 8)),
        ("Pooling x 1 1 a b 0=0 1=3 2=2 5=1", (9, 5, 8)),
        ("Pooling x 1 1 a b 0=1 4=1", (8,)),
        ("Pooling x 1 1 a b 0=1 7=1 8=1", (1, 1, 8)),
        ("InnerProduct x 1 1 a b 0=10 2=19200", (10,)),
        ("Interp x 1 1 a b 0=1 1=2.0 2=2.0", (40, 24, 8)),
        ("Interp x 1 1 a b 0=1 3=7 4=5", (5, 7, 8)),
        ("Reshape x 1 1 a b 0=-1 1=8", (240, 8)),
        ("Permute x 1 1 a b 0=3", (8, 20, 12)),
        ("Flatten x 1 1 a b", (1920,)),
        ("Reduction x 1 1 a b 0=3 1=0 -23303=2,1,2 4=1", (1, 1, 8)),
        ("Padding x 1 1 a b 0=1 1=2 2=3 3=4", (27, 15, 8)),
        ("Swish x 1 1 a b", (20, 12, 8)),
        ("Concat x 2 1 a a b 0=0", (20, 12, 16)),
        ("Concat x 2 1 a a b 0=-1", (40, 12, 8)),
        ("Unheard x 1 1 a b -23330=4,3,5,6,7", (5, 6, 7)),  # by its hint
    ],
)
def test_shapes_of_layers(tmp_path: Path, line: str, shape: tuple[int, ...]) -> None:
    assert _shape(tmp_path, line) == shape


def test_slices_share_what_is_left(tmp_path: Path) -> None:
    path = _param(tmp_path, "Input i 0 1 a 2=8", "Slice s 1 3 a b c d -23300=3,2,-233,-233 1=0")
    found = shapes(read_param(path), (4, 4), path)
    assert [found[name][2] for name in "bcd"] == [2, 3, 3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read: no such file or directory"),
        ("", "is no graph in NCNN's text form"),
        ("7767517\n1 1\nInput in zero 1 a\n", "is no graph in NCNN's text form"),
        ("7767517\n1 1\nInput in 0 2 a\n", "is no graph in NCNN's text form"),
        (f"{MAGIC}2 2\nInput in 0 1 a\nNonsense x 1 1 a b\n", "(Nonsense) is not known"),
        (f"{MAGIC}2 2\nInput in 0 1 a\nSwish x 1 1 c b\n", "'x' (Swish)"),
        (f"{MAGIC}2 2\nInput in 0 1 a\nConvolution x 1 1 a b 0=4 1=9 6=9\n", "nothing is left"),
        (b"\x00\xff\xfe", "is no graph in NCNN's text form"),
    ],
)
def test_what_is_no_network(tmp_path: Path, text: str | bytes | None, words: str) -> None:
    path = tmp_path / "net.param"
    if isinstance(text, bytes):
        path.write_bytes(text)
    elif text is not None:
        path.write_text(text)
    with pytest.raises(DataError) as refused:
        work_of_param(path, 4, 4)
    assert words in refused.value.message
    assert str(path) in refused.value.message


def test_pixels_of_a_row_are_known(tmp_path: Path) -> None:
    path = _param(tmp_path, "Input in 0 1 a 2=8", "Convolution x 1 1 a b 0=16 1=1 6=128")
    (work,) = work_of_param(path, 20, 12)
    assert work == Work("conv1", 128 * 240, math.prod((20, 12, 24)), 128, 20)
