"""study.yaml: what is read, and every way in which it is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgeyolo.errors import UsageError
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.studies.factors import Net
from edgeyolo.studies.schema import ANY, Asked, _training_keys, read_study

pytest.importorskip("ultralytics")


def read(tmp_path: Path, text: str) -> Asked:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    return read_study(path)


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    assert caught.value.exit_code == 2
    assert "study.yaml" in caught.value.message
    assert caught.value.hint
    return str(caught.value)


WHOLE = """
data: bccd/data.yaml
from: {n: yolov8n.pt, s: yolov8s.pt, spec: yolov8n.pt}
epochs: 30
lr: 1
engine: ncnn
grid:
  size: [n, s]
  spec:
    - w0.125-d0.33-P3P4-r8
    - {width: 0.125, heads: "P3,P4"}
    - {width: 0.25, heads: [P4, P3], reg_max: 8}
  batch: [8, auto]
  freeze: [none, backbone, 10]
  imgsz: 320
  seed: [0, 1, 2]
include:
  - {size: m, batch: 4}
exclude:
  - {size: s, batch: 8}
  - freeze: backbone
set: {mosaic: 0.5, optimizer: SGD, cos_lr: true}
"""


def test_everything_is_read(tmp_path: Path) -> None:
    asked = read(tmp_path, WHOLE)
    assert asked.values == {"data": "bccd/data.yaml", "epochs": 30, "lr": 1.0, "engine": "ncnn"}
    assert asked.starts == {"n": "yolov8n.pt", "s": "yolov8s.pt", "spec": "yolov8n.pt"}
    assert asked.grid == {
        "net": (
            Net(SlimSpec(), "n"),
            Net(SlimSpec(width=0.5), "s"),
            Net(SlimSpec(width=0.125, heads=("P3", "P4"), reg_max=8)),
            Net(SlimSpec(width=0.125, heads=("P3", "P4"))),
            Net(SlimSpec(heads=("P3", "P4"), reg_max=8)),
        ),
        "batch": (8, None),
        "freeze": (None, "backbone", "10"),
        "imgsz": (320,),
        "seed": (0, 1, 2),
    }
    m = SlimSpec(width=0.75, depth=0.67, max_channels=768)
    assert asked.include == ({"net": Net(m, "m"), "batch": 4},)
    assert asked.exclude == (
        {"net": Net(SlimSpec(width=0.5), "s"), "batch": 8},
        {"freeze": "backbone"},
    )
    assert asked.settings == ("mosaic=0.5", 'optimizer="SGD"', "cos_lr=true")


def test_what_all_rows_share_may_stand_beside_the_grid(tmp_path: Path) -> None:
    asked = read(tmp_path, "batch: 8\nfreeze: none\nfrom: yolov8n.pt\ngrid: {size: n}")
    assert asked.grid == {"net": (Net(SlimSpec(), "n"),), "batch": (8,), "freeze": (None,)}
    assert asked.starts == {ANY: "yolov8n.pt"}
    assert asked.values == {}


def test_a_key_without_a_value_is_as_if_left_out(tmp_path: Path) -> None:
    text = "lr:\nfrom:\nset:\ninclude:\nexclude:\nteacher: ~\ngrid: {size: n}"
    asked = read(tmp_path, text)
    assert (asked.values, asked.starts, asked.settings) == ({}, {}, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no keys"),
        ("- n", "holds no keys"),
        ("grid: [", "line 1 is not valid YAML"),
        ("grid:\n  size: n\n  size: s", "line 2 is not valid YAML: 'size' stands there twice"),
        ("epochs: 3", "has no grid"),
        ("grid:", "grid: None is no mapping"),
        ("grid: [n]", "grid: ['n'] is no mapping"),
        ("grid: {}", "grid names no net"),
        ("grid: {batch: 8}", "grid names no net"),
        ("grid: {size: n}\nepoch: 3", "unknown key 'epoch'.\nThe nearest is 'epochs'"),
        ("grid: {size: n}\nsize: n", "unknown key 'size'"),
        ("grid: {size: n}\nwidth: 0.125", "unknown key 'width'"),
        ("grid: {sizes: n}", "grid of "),
        ("grid: {sizes: n}", "unknown key 'sizes'.\nThe nearest is 'size'"),
        ("grid: {size: n}\nepochs: many", "epochs is 'many', which is not a whole number"),
        ("grid: {size: n}\nfinetune: 1", "finetune is 1, which is not true or false"),
        ("grid: {size: k}", "grid.size: 'k' is not a size.\nUse some of n, s, m, l, x"),
        ("grid: {size: yolov8m}", "the nearest is m"),
        ("grid: {size: 8}", "grid.size: 8 is not a size"),
        ("grid: {size: [[n]]}", "grid.size: ['n'] is not a size"),
        ("grid: {size: []}", "grid.size is empty"),
        ("grid: {size: [n, s, n]}", "grid.size has 'n' twice"),
        ("grid: {spec: w0.125}", "grid.spec: 'w0.125' is not the name of a net"),
        ("grid: {spec: w0.13-d0.33}", "grid.spec: A width of 0.13 is not possible"),
        ("grid: {spec: 0.125}", "grid.spec: 0.125 is not a spec"),
        ("grid: {spec: {with: 1}}", "A spec has no 'with'.\nThe nearest is 'width'"),
        ("grid: {spec: {width: wide}}", "is not a spec"),
        ("grid: {spec: {heads: P6}}", "no detection head 'P6'"),
        ("grid: {spec: {reg_max: 9}}", "reg_max 9 is not possible"),
        ("grid: {size: n, batch: 0}", "grid.batch: batch 0 is not possible"),
        ("grid: {size: n, batch: [8, big]}", "grid.batch: batch 'big' is not possible"),
        ("grid: {size: n, batch: true}", "grid.batch: batch True is not possible"),
        ("grid: {size: n, batch: 8.5}", "grid.batch: batch 8.5 is not possible"),
        ("grid: {size: n, freeze: neck}", "grid.freeze: freeze 'neck' is not possible"),
        ("grid: {size: n, freeze: no}", "grid.freeze: freeze False is not possible"),
        ("grid: {size: n, imgsz: 100}", "grid.imgsz: An image size of 100 is not possible"),
        ("grid: {size: n, imgsz: big}", "grid.imgsz: imgsz 'big' is not possible"),
        ("grid: {size: n, seed: -1}", "grid.seed: seed -1 is not possible"),
        ("grid: {size: n, seed: [1, 1]}", "grid.seed has 1 twice"),
        ("grid: {size: n, seed: 1}\nseed: 2", "names seed twice"),
        ("grid: {size: n}\nbatch: [8]", "batch: batch [8] is not possible"),
        ("grid: {size: n}\nfrom: 3", "from: 3 is no checkpoint"),
        ("grid: {size: n}\nfrom: {n: 3}", "from.n: 3 is no checkpoint"),
        ("grid: {size: n}\nfrom: {nn: a.pt}", "from of "),
        ("grid: {size: n}\nset: {mosaik: 1}", "set: ultralytics has no training setting 'mosaik'"),
        ("grid: {size: n}\nset: {epochs: 1}", "set: 'epochs' is not for --set"),
        ("grid: {size: n}\nset: mosaic", "set: 'mosaic' is no mapping"),
        ("grid: {size: n}\nexclude: {size: n}", "exclude: {'size': 'n'} is no list"),
        ("grid: {size: n}\nexclude: [n]", "exclude[0]: 'n' is no mapping"),
        ("grid: {size: n}\nexclude: [{}]", "exclude[0] is empty"),
        (
            "grid: {size: n}\nexclude: [{batch: big}]",
            "exclude[0].batch: batch 'big' is not possible",
        ),
        ("grid: {size: n}\ninclude: [{size: s}, {sead: 1}]", "include[1] of "),
        ("grid: {size: n}\ninclude: [{size: s, spec: w0.125-d0.33}]", "names a size and a spec"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


def test_no_file(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(UsageError, match="no study at"):
            read_study(place)


def test_no_text(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not valid YAML"):
        read_study(tmp_path / "study.yaml")


def test_the_example_of_the_manual_is_read(tmp_path: Path) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "study.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", manual, re.DOTALL)
    asked = read(tmp_path, example)
    assert set(asked.grid) == {"net", "batch", "freeze", "imgsz", "seed"}
    assert asked.include and asked.exclude and asked.settings
    for key in ("data", "epochs", "engine"):
        assert key in asked.values
        assert f"`{key}`" in manual


def test_the_manual_names_what_may_be_told(tmp_path: Path) -> None:
    """The keys that are taken over from the commands grow with these."""
    for key in ("wide_epochs", "patience", "pretrain_classify", "log", "finetune"):
        assert key in _training_keys()
    assert not {"width", "heads", "bundle", "confidence"} & set(_training_keys())


def test_a_path_that_no_file_system_takes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: file name too long"):
        read_study(tmp_path / ("x" * 300))
