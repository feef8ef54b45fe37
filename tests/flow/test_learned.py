"""What a net has learned survives slimming, shown with a trained net on the demo images."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from edgeyolo.dataset.check import load_split
from edgeyolo.dataset.read import read_dataset
from edgeyolo.slim.checkpoint import names_of, open_checkpoint, spec_of
from edgeyolo.slim.examples import Examples, load_examples
from edgeyolo.slim.fates import table
from edgeyolo.slim.inherit import inherit
from edgeyolo.slim.net import build, raw_heads
from edgeyolo.slim.recall import recall
from edgeyolo.slim.spec import SlimSpec

pytestmark = pytest.mark.xdist_group("learned")
IMGSZ = 160


@pytest.fixture(scope="module")
def wide() -> Any:
    from edgeyolo.locations import shipped

    assets = shipped("assets")
    assert assets is not None
    return open_checkpoint(assets / "demo-yolov8n.pt")


@pytest.fixture(scope="module")
def samples(small_demo: Path) -> Any:
    return load_split(read_dataset(small_demo), "train")


@pytest.fixture(scope="module")
def examples(samples: Any) -> Examples:
    """Images to choose and to fit on."""
    return load_examples(samples[:16], IMGSZ)


@pytest.fixture(scope="module")
def others(samples: Any) -> Examples:
    """Images that nothing was fitted to."""
    return load_examples(samples[16:], IMGSZ)


def test_examples_lie_where_the_objects_are(samples: Any) -> None:
    """Boxes of the letterboxed images, put back, are those of the labels."""
    from edgeyolo.device.letterbox import place

    sample = samples[0]
    given = load_examples([sample], IMGSZ)
    placed = place(sample.height, sample.width, IMGSZ, IMGSZ)
    corners = given.of(0)[:, 1:3].numpy() * IMGSZ  # centers
    back = (corners - [placed.left, placed.top]) / placed.scale / [sample.width, sample.height]
    assert back == pytest.approx(sample.boxes[:, 1:3], abs=1e-3)
    batch = next(given.batches(4))
    assert batch["img"].shape == (1, 3, IMGSZ, IMGSZ) and len(batch["cls"]) == len(sample.boxes)


@pytest.mark.parametrize(
    "spec",
    [
        SlimSpec(width=0.125),
        SlimSpec(width=0.1875, heads=("P3", "P4"), reg_max=8),
        SlimSpec(width=0.1875, activation="relu"),
        SlimSpec(heads=("P4", "P5")),
        SlimSpec(heads=("P3", "P4"), cut_backbone=True),
        SlimSpec(depth=0.1, max_channels=512),
    ],
    ids=lambda spec: spec.name,
)
def test_a_net_without_retraining_is_not_random(
    spec: SlimSpec, wide: Any, examples: Examples, others: Examples
) -> None:
    fitted, _ = inherit(wide, spec, names_of(wide), examples, "taylor")
    plain, _ = inherit(wide, spec, names_of(wide))
    random = build(spec, names_of(wide))
    # With a confidence of 0.05: 300 boxes of any certainty find some objects by chance.
    found = {
        name: recall(net, others, 0.05).overall
        for name, net in {"wide": wide, "fit": fitted, "plain": plain, "random": random}.items()
    }
    assert found["fit"] > 0.4 * found["wide"] > 0.2, found
    assert found["fit"] > found["plain"] + 0.1, found
    assert found["random"] < 0.05, found


def test_nothing_is_fitted_where_nothing_was_removed(wide: Any, examples: Examples) -> None:
    net, fates = inherit(wide, spec_of(wide), names_of(wide), examples, "taylor")
    for name, value in wide.state_dict().items():
        assert torch.equal(net.state_dict()[name], value), name
    assert {fate.fate for fate in fates} == {"inherited"}


def test_the_same_input_gives_the_same_net(wide: Any, examples: Examples) -> None:
    spec = SlimSpec(width=0.125, heads=("P4", "P5"))
    nets = []
    for _ in range(2):
        torch.rand(3)  # the state of the global generator plays no part
        nets.append(inherit(wide, spec, names_of(wide), examples, "taylor")[0].state_dict())
    for name, value in nets[0].items():
        assert torch.equal(value, nets[1][name]), name


def test_taylor_sees_through_large_weights(wide: Any, examples: Examples) -> None:
    """Channels that nothing listens to go, however large their own weights are."""
    source = deepcopy(wide)
    dead = [0, 3, 5, 6, 9, 10, 12, 15]
    source.model[0].conv.weight.data[dead] *= 50
    source.model[0].bn.running_var[dead] *= 2500
    source.model[1].conv.weight.data[:, dead] = 0
    lives = [index for index in range(16) if index not in dead]
    for importance, expected in (("taylor", lives), ("l1", dead)):
        net, _ = inherit(
            source, SlimSpec(width=0.125), names_of(wide), examples, importance, fit=False
        )
        kept = [
            index
            for index, row in enumerate(source.model[0].conv.weight)
            if any(torch.equal(row, mine) for mine in net.model[0].conv.weight)
        ]
        assert kept == expected, importance


@pytest.mark.parametrize("useless", [0, 1])
def test_the_bottleneck_that_does_nothing_goes(useless: int, wide: Any, examples: Examples) -> None:
    """Row 4 has two; one is made to add nothing, and its part of the joined tensor is not read."""
    from edgeyolo.slim.blocks import choose_blocks

    source = deepcopy(wide)
    block, size = source.model[4], source.model[4].c
    block.m[useless].cv2.bn.weight.data[:] = 0
    block.m[useless].cv2.bn.bias.data[:] = 0
    block.cv2.conv.weight.data[:, size * (2 + useless) : size * (3 + useless)] = 0
    target = build(SlimSpec(depth=0.1), names_of(wide))
    kept = choose_blocks(source, target, examples)
    assert kept[4] == (1 - useless,) and len(kept[6]) == 1 and set(kept) == {4, 6}
    net, fates = inherit(source, SlimSpec(depth=0.1), names_of(wide), examples, fit=False)
    other = f"model.4.m.{1 - useless}.cv1.conv.weight"
    assert next(f for f in fates if f.name == "model.4.m.0.cv1.conv.weight").source == other
    assert torch.equal(net.model[4].m[0].cv1.conv.weight, source.get_parameter(other))
    trial = deepcopy(source)
    trial.model[6] = net.model[6]  # its own choice plays no part here
    image = others_image()
    with torch.no_grad():
        for mine, theirs in zip(
            raw_heads(net.eval(), image), raw_heads(trial.eval(), image), strict=True
        ):
            assert torch.allclose(mine, theirs, atol=1e-4)


def others_image() -> torch.Tensor:
    return torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(3))


def test_every_tensor_is_in_the_table(wide: Any, examples: Examples) -> None:
    names = ("horse", *names_of(wide)[1:])
    net, fates = inherit(wide, SlimSpec(width=0.125, heads=("P4", "P5")), names, examples)
    lines = table(fates).splitlines()
    assert len(lines) == 1 + len(net.state_dict())
    rows = {line.split()[0]: line for line in lines[1:]}
    assert "sliced" in rows["model.0.conv.weight"] and "8x3x3x3" in rows["model.0.conv.weight"]
    assert "model.21.cv1.conv.weight" in rows["model.15.cv1.conv.weight"], "row 21 became row 15"
    last = rows["model.16.cv3.0.2.weight"]
    assert "extended" in last and "model.22.cv3.1.2.weight" in last, "a class that is new is in it"
    unknown = ("horse", "cow")
    _, fates = inherit(wide, SlimSpec(), unknown, examples)
    assert {f.name for f in fates if f.fate == "new"} == {
        f"model.22.cv3.{level}.2.{kind}" for level in range(3) for kind in ("weight", "bias")
    }


def test_the_table_says_what_was_done(wide: Any, examples: Examples) -> None:
    """Rows that stand in for dropped ones, bins, and what was fitted."""
    spec = SlimSpec(heads=("P4", "P5"), reg_max=8)
    net, fates = inherit(wide, spec, names_of(wide), examples)
    by_name, state = {fate.name: fate for fate in fates}, wide.state_dict()
    norm = by_name["model.12.cv2.bn.weight"]
    assert norm.source == "model.18.cv2.bn.weight"
    assert by_name["model.12.cv1.bn.weight"].source == "model.12.cv1.bn.weight"
    assert by_name["model.16.cv2.0.2.weight"].fate == "re-binned"
    assert "re-binned, fitted" in table(fates)
    for name, value in net.state_dict().items():
        fate = by_name[name]
        if fate.fate == "inherited":
            same = torch.equal(value, state[fate.source])
            assert same or fate.fitted, name
    _, fates = inherit(wide, SlimSpec(activation="relu"), names_of(wide), examples)
    assert sum(fate.fitted for fate in fates) == 126
    _, fates = inherit(wide, SlimSpec(activation="relu"), names_of(wide), examples, fit=False)
    assert not any(fate.fitted for fate in fates)


def test_distillation_is_allowed_in_mixed_precision_on_a_gpu() -> None:
    """Autocast refuses some losses there; tensors without values are enough to see it."""
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.symbolic_shapes import ShapeEnv

    from edgeyolo.train.distill import _attention, _box_loss, _class_loss

    torch.set_autocast_enabled("cuda", True)
    try:
        with FakeTensorMode(shape_env=ShapeEnv()):
            scores, boxes = (torch.empty(2, 9, n, device="cuda") for n in (3, 64))
            _class_loss(scores, scores.sigmoid())
            _box_loss(boxes, boxes, torch.ones(2, 9, dtype=torch.bool, device="cuda"))
            _attention(torch.empty(2, 8, 4, 4, device="cuda"))
            with pytest.raises(RuntimeError, match="unsafe to autocast"):
                torch.nn.functional.binary_cross_entropy(scores.sigmoid(), scores.sigmoid())
    finally:
        torch.set_autocast_enabled("cuda", False)


def test_a_distilled_loss_is_zero_where_both_say_the_same(wide: Any, examples: Examples) -> None:
    from edgeyolo.train.distill import Lesson

    student = deepcopy(wide)
    lesson = Lesson(deepcopy(wide), student, 1.0, 1.0)
    student.model[-1].training = True
    term = lesson(student(examples.images[:2]), examples.images[:2])
    assert float(term) == pytest.approx(0, abs=1e-5)


def taught(student: Any, lesson: Any, images: torch.Tensor) -> list[float]:
    """The teacher's term over a few steps on it alone."""
    optimizer, losses = torch.optim.Adam(student.parameters(), lr=2e-3), []
    for _ in range(6):
        term = lesson(student(images), images)
        optimizer.zero_grad()
        term.backward()
        optimizer.step()
        losses.append(float(term.detach()))
    return losses


def test_a_narrow_neck_learns_where_a_wide_one_looks(wide: Any, examples: Examples) -> None:
    from edgeyolo.train.distill import Lesson

    spec = SlimSpec(width=0.125, heads=("P4", "P5"))
    student, _ = inherit(wide, spec, names_of(wide), examples, fit=False)
    lesson, images = Lesson(deepcopy(wide), student, 0.0, 1.0), examples.images[:4]
    student.train().requires_grad_(True)
    losses = taught(student, lesson, images)
    assert 0 < losses[-1] < 0.8 * losses[0] < 2, losses
    assert all(p.grad is None or not p.grad.any() for p in student.model[-1].parameters())


def test_a_teacher_that_sees_nothing_does_no_harm(wide: Any, examples: Examples) -> None:
    from edgeyolo.train.distill import Lesson

    blind, student = build(SlimSpec(), names_of(wide)), deepcopy(wide).requires_grad_(True)
    for tower in blind.model[-1].cv3:
        tower[2].bias.data[:] = -20
    student.model[-1].training = True
    term = Lesson(blind, student, 1.0)(student(examples.images[:2]), examples.images[:2])
    term.backward()
    assert torch.isfinite(term).all()


@pytest.mark.parametrize(
    ("spec", "classes"),
    [
        (SlimSpec(width=0.125), slice(None)),
        (SlimSpec(width=0.125, heads=("P3", "P4"), reg_max=8), slice(None)),
        (SlimSpec(width=0.0625, heads=("P4", "P5"), reg_max=1), slice(1, 3)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_any_student_learns_from_the_teacher(
    spec: SlimSpec, classes: slice, wide: Any, examples: Examples
) -> None:
    """A few steps on the teacher's term alone bring every part of the head closer to it."""
    from edgeyolo.train.distill import Lesson

    student, _ = inherit(wide, spec, ("tree", *names_of(wide)[classes]))
    before = {name: value.clone() for name, value in student.named_parameters()}
    teacher = deepcopy(wide)
    lesson = Lesson(teacher, student, 1.0)
    theirs = {name: value.clone() for name, value in teacher.state_dict().items()}
    student.train().requires_grad_(True)
    losses = taught(student, lesson, examples.images[:4])
    assert losses[-1] < 0.8 * losses[0], losses
    head = len(student.model) - 1
    for tower in ("cv2", "cv3"):
        name = f"model.{head}.{tower}.0.2.weight"
        assert not torch.equal(student.get_parameter(name), before[name])
    for name, value in teacher.state_dict().items():
        assert torch.equal(value, theirs[name]), "the teacher does not change"


def test_a_teacher_that_knows_nothing_of_it_is_refused(wide: Any) -> None:
    from edgeyolo.errors import SpecError
    from edgeyolo.train.distill import Lesson

    with pytest.raises(SpecError, match="none of the net's classes"):
        Lesson(deepcopy(wide), build(SlimSpec(), ("horse",)), 1.0)
    with pytest.raises(SpecError, match="none of the net's levels"):
        teacher = build(SlimSpec(heads=("P3",)), names_of(wide))
        Lesson(teacher, build(SlimSpec(heads=("P4",)), names_of(wide)), 1.0)


def test_levels_are_assigned_as_in_ultralytics_loss(wide: Any, examples: Examples) -> None:
    """The loss's own assigner sees exactly what the advice is made from."""
    from ultralytics.cfg import get_cfg
    from ultralytics.utils.loss import v8DetectionLoss

    from edgeyolo.slim.heads import assign

    net = deepcopy(wide)
    net.args = get_cfg()
    loss, seen = v8DetectionLoss(net), []
    original = loss.assigner.forward
    loss.assigner.forward = lambda *a, **k: seen.append((original(*a, **k), a)) or seen[-1][0]
    totals = [0, 0, 0]
    strides = [s for s in (8, 16, 32) for _ in range((IMGSZ // s) ** 2)]
    for batch in examples.batches(8):
        with torch.no_grad():
            loss(net.eval()(batch["img"]), batch)
        (_, _, scores, positive, index), _ = seen[-1]
        for image in range(len(batch["img"])):
            for box in range(int((batch["batch_idx"] == image).sum())):
                mine = positive[image] & (index[image] == box)
                weight = scores[image].sum(-1) * mine
                share = [
                    float(weight[torch.tensor(strides) == stride].sum()) for stride in (8, 16, 32)
                ]
                if sum(share):
                    totals[share.index(max(share))] += 1
    assert list(assign(net, examples, names_of(net)).values()) == totals
    assert totals[0] > 0, "the demo has small objects"
    other = assign(net, examples, ("thing",) * len(names_of(net)))
    assert other.total() == pytest.approx(sum(totals), abs=3)
    for count, expected in zip(other.values(), totals, strict=True):
        assert count == pytest.approx(expected, abs=0.1 * sum(totals)), "by the best score of any"


def test_advice_counts_and_recommends(wide: Any, examples: Examples) -> None:
    from edgeyolo.report.heads import heads_sentence, heads_table
    from edgeyolo.slim.cost import cost
    from edgeyolo.slim.heads import Advice, advise, assign

    counts = assign(wide, examples, names_of(wide))
    advice = advise(spec_of(wide), counts, len(examples.boxes), IMGSZ, len(names_of(wide)))
    assert sum(advice.assigned.values()) == pytest.approx(1)
    by_heads = {choice.heads: choice for choice in advice.choices if not choice.cut_backbone}
    assert (len(by_heads), len(advice.choices)) == (6, 9)
    pair = by_heads["P3", "P4"]
    assert pair.served == pytest.approx(advice.assigned["P3"] + advice.assigned["P4"])
    smaller = cost(SlimSpec(heads=("P3", "P4")), 5, IMGSZ)
    assert pair.gflops == pytest.approx(smaller.gflops / cost(SlimSpec(), 5, IMGSZ).gflops)
    assert advice.recommended.served >= 0.99
    assigned = {"P3": 0.5, "P4": 0.496, "P5": 0.004}
    served = [
        replace(choice, served=sum(assigned[level] for level in choice.heads))
        for choice in advice.choices
    ]
    useless = Advice(10, IMGSZ, assigned, tuple(served))
    assert useless.recommended.heads == ("P3", "P4")
    assert not useless.recommended.cut_backbone
    values = {**useless.to_dict(), "images": 2}
    assert heads_sentence(values).startswith("P5 serves 0.4% of the 10 boxes of 2 training images")
    assert "% of the parameters and " in heads_sentence(values)
    slower = [{**choice, "latency_ratio": 0.92} for choice in values["choices"]]
    known = {"latency": {"profile": "raspberry-pi-4", "engine": "ncnn"}, "choices": slower}
    on_board = heads_sentence({**values, **known})
    assert on_board.endswith("% of the FLOPs and ~8% of the latency on raspberry-pi-4.")
    values["recall"] = recall(wide, examples).to_dict()
    assert "latency: predicted for raspberry-pi-4, ncnn" in heads_table({**values, **known})
    assert "P3,P4,P5" in heads_table(values) and heads_sentence(values) in heads_table(values)


def test_advice_in_parts_is_the_same(wide: Any, samples: Any) -> None:
    """Images that come a few at a time count as if they came at once."""
    from edgeyolo.flow.advice import advice_of
    from edgeyolo.slim.examples import examples_in_parts

    parts = list(examples_in_parts(samples, IMGSZ, most=20))
    assert [len(part) for part in parts] == [16, 4]
    chosen = [sample for sample in samples if len(sample.boxes)]
    everything = list(examples_in_parts(samples, IMGSZ, most=len(chosen)))
    assert sum(map(len, everything)) == len(chosen)
    boxes = sum(len(sample.boxes) for sample in chosen)
    advice = advice_of(wide, everything, names_of(wide))
    assert (advice["images"], advice["boxes"]) == (len(chosen), boxes)
    assert advice["recall"]["boxes"] == boxes
    whole = advice_of(wide, [load_examples(chosen, IMGSZ)], names_of(wide))
    assert whole["assigned"] == pytest.approx(advice["assigned"], abs=0.02)
    assert whole["recall"] == advice["recall"]


def test_advice_for_a_net_without_its_last_stage(examples: Examples) -> None:
    from edgeyolo.report.heads import heads_sentence
    from edgeyolo.slim.heads import advise, assign

    spec = SlimSpec(width=0.125, heads=("P3", "P4"), cut_backbone=True)
    net = build(spec, tuple("abcde"))
    counts = assign(net, examples, names_of(net))
    advice = advise(spec, counts, len(examples.boxes), IMGSZ, 5)
    assert {choice.heads for choice in advice.choices} == {("P3", "P4"), ("P3",), ("P4",)}
    assert advice.recommended in advice.choices
    assert heads_sentence({**advice.to_dict(), "images": len(examples)})
