"""SlimSpec → the rows of an ultralytics model YAML, without torch.

The backbone rows are those of ``yolov8.yaml``; the neck and head rows depend on which detection
levels are kept. A dropped level takes with it every layer that only fed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgeyolo.errors import SpecError
from edgeyolo.slim.spec import ACTIVATIONS, LEVELS, SlimSpec

Row = list[Any]  # [from, repeats, module, args]; a negative "from" counts back from the row itself

BACKBONE: tuple[Row, ...] = (
    [-1, 1, "Conv", [64, 3, 2]],
    [-1, 1, "Conv", [128, 3, 2]],
    [-1, 3, "C2f", [128, True]],
    [-1, 1, "Conv", [256, 3, 2]],
    [-1, 6, "C2f", [256, True]],
    [-1, 1, "Conv", [512, 3, 2]],
    [-1, 6, "C2f", [512, True]],
    [-1, 1, "Conv", [1024, 3, 2]],
    [-1, 3, "C2f", [1024, True]],
    [-1, 1, "SPPF", [1024, 5]],
)
_P5_ROWS = (7, 8, 9)
_UP: Row = [-1, 1, "nn.Upsample", [None, 2, "nearest"]]


@dataclass(frozen=True, slots=True)
class Layer:
    """One row, with the index of the row of the full YOLOv8 that it stands for."""

    row: Row
    source: int


def _down_to(level: int, channels: int, stride_conv: int, skip: int, source: int) -> list[Layer]:
    return [
        Layer([-1, 1, "Conv", [channels, 3, 2]], stride_conv),
        Layer([[-1, skip], 1, "Concat", [1]], source - 1),
        Layer([-1, 3, "C2f", [level]], source),
    ]


def _up_to(channels: int, skip: int, source: int) -> list[Layer]:
    return [
        Layer(_UP, source - 2),
        Layer([[-1, skip], 1, "Concat", [1]], source - 1),
        Layer([-1, 3, "C2f", [channels]], source),
    ]


def _neck(spec: SlimSpec, start: int) -> tuple[list[Layer], list[int]]:
    """Neck layers, the first of which gets index ``start``, and the rows that feed Detect."""
    heads = spec.heads
    if heads == ("P5",):
        return [], [start - 1]
    if spec.cut_backbone:
        if heads == ("P4",):
            return [], [start - 1]
        up = _up_to(256, 4, 15)
        down = _down_to(512, 256, 16, start - 1, 18) if "P4" in heads else []
        feeds = [start + 2, start + 5] if down else [start + 2]
        return up + down, feeds
    neck = _up_to(512, 6, 12)
    if "P3" not in heads:
        down = _down_to(1024, 512, 19, start - 1, 21) if "P5" in heads else []
        return neck + down, [start + 2, start + 5] if down else [start + 2]
    neck += _up_to(256, 4, 15)
    feeds = [start + 5]
    if "P4" in heads:
        neck += _down_to(512, 256, 16, start + 2, 18)
        feeds.append(start + 8)
    if "P5" in heads:
        neck += _down_to(1024, 512, 19, start - 1, 21)
        feeds.append(start + 11)
    return neck, feeds


def layers(spec: SlimSpec) -> list[Layer]:
    """All rows of the net, Detect last."""
    kept = [i for i in range(len(BACKBONE)) if not (spec.cut_backbone and i in _P5_ROWS)]
    backbone = [Layer(BACKBONE[i], i) for i in kept]
    neck, feeds = _neck(spec, len(backbone))
    return [*backbone, *neck, Layer([feeds, 1, "Detect", ["nc"]], 22)]


def backbone_length(spec: SlimSpec) -> int:
    """Number of rows that belong to the backbone."""
    return len(BACKBONE) - (len(_P5_ROWS) if spec.cut_backbone else 0)


def inputs_of(index: int, row: Row) -> list[int]:
    """Absolute indices of the rows that feed row ``index``; -1 is the image."""
    sources = row[0] if isinstance(row[0], list) else [row[0]]
    return [index + source if source < 0 else source for source in sources]


def stand_ins(source: SlimSpec, spec: SlimSpec) -> dict[int, int]:
    """Rows that have to do what another one did in the net that they come from.

    Where a level's neck path is dropped, the rows after it read from an earlier one: without P3 the
    head of P4 reads row 12, where it read row 18 before. Row of the net → row of the source.
    """
    rows, playing = layers(source), _parts_played(source)
    place = {layer.source: index for index, layer in enumerate(rows)}
    place |= {part: index for index, part in playing.items()}
    return {
        index: place[part]
        for index, part in _parts_played(spec).items()
        if rows[place[part]].source != layers(spec)[index].source
    }


def _parts_played(spec: SlimSpec) -> dict[int, int]:
    """Rows that are read in the place of a missing one: row of the net → row of full YOLOv8."""
    full, rows = layers(SlimSpec()), layers(spec)
    played: dict[int, int] = {}
    for index, layer in enumerate(rows):
        expected = inputs_of(layer.source, full[layer.source].row)
        if layer.row[2] == "Detect":
            expected = [expected[LEVELS.index(level)] for level in spec.heads]
        for mine, theirs in zip(inputs_of(index, layer.row), expected, strict=True):
            if mine >= 0 and rows[mine].source != theirs:
                played[mine] = theirs
    return played


def to_yaml(spec: SlimSpec, classes: int) -> dict[str, Any]:
    """The dictionary that ``ultralytics.nn.tasks.DetectionModel`` builds the net from."""
    rows = [
        [layer.row[0], layer.row[1], layer.row[2], list(layer.row[3])] for layer in layers(spec)
    ]
    split = backbone_length(spec)
    return {
        "nc": classes,
        # The scale letter must be n: ultralytics reads it from the file name when it reloads.
        "scale": "n",
        "scales": {"n": [spec.depth, spec.width, spec.max_channels]},
        "reg_max": spec.reg_max,
        "activation": ACTIVATIONS[spec.activation],
        "yaml_file": f"yolov8n-{spec.name}.yaml",
        "backbone": rows[:split],
        "head": rows[split:],
    }


def from_yaml(values: dict[str, Any]) -> SlimSpec:
    """The spec of a checkpoint's own YAML, stock YOLOv8 or ours.

    Raises:
        SpecError: when the rows are not those of a YOLOv8 detection net.
    """
    try:
        return _recognized(values)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise SpecError("The checkpoint's model YAML is malformed.", _ONLY_V8) from error


def _recognized(values: dict[str, Any]) -> SlimSpec:
    depth, width, max_channels = _scales(values)
    activation = values.get("activation") or ACTIVATIONS["silu"]
    name = next((key for key, text in ACTIVATIONS.items() if text == activation), "")
    if not name:
        raise SpecError(f"The checkpoint uses the activation {activation}.", _ONLY_V8)
    for spec in _all_topologies():
        candidate = to_yaml(spec, 1)
        if _same_rows(candidate["backbone"] + candidate["head"], values, max_channels):
            return spec.with_(
                width=width,
                depth=depth,
                max_channels=max_channels,
                reg_max=values.get("reg_max") or 16,
                activation=name,
            )
    raise SpecError("The checkpoint is not a YOLOv8 detection net.", _ONLY_V8)


def _scales(values: dict[str, Any]) -> tuple[float, float, int]:
    scales = values.get("scales") or {}
    scale = values.get("scale") or next(iter(scales), "")
    if scale in scales:
        depth, width, max_channels = scales[scale]
        return depth, width, max_channels
    if "depth_multiple" in values and "width_multiple" in values:  # the form of the first releases
        rows = [*values.get("backbone", []), *values.get("head", [])]
        caps = [row[3][0] for row in rows if row[2] in ("Conv", "C2f", "SPPF")]
        return values["depth_multiple"], values["width_multiple"], max(caps, default=1024)
    raise SpecError("The checkpoint names no scale, so it is not a YOLOv8 net.", _ONLY_V8)


_ONLY_V8 = "Start from a YOLOv8 detection checkpoint, stock or made by edgeyolo."


def _all_topologies() -> list[SlimSpec]:
    heads = (("P3", "P4", "P5"), ("P3", "P4"), ("P4", "P5"), ("P3",), ("P4",), ("P5",))
    plain = [SlimSpec(heads=kept) for kept in heads]
    return plain + [spec.with_(cut_backbone=True) for spec in plain if "P5" not in spec.heads]


def _same_rows(rows: list[Row], values: dict[str, Any], max_channels: int) -> bool:
    stored = list(values.get("backbone", [])) + list(values.get("head", []))
    return _plain(rows, max_channels) == _plain(stored, max_channels)


def _plain(rows: list[Row], max_channels: int) -> list[Row]:
    """Rows with channels capped, and the two spellings of an empty argument made one."""
    return [
        [row[0], row[1], str(row[2]), [_plain_argument(a, max_channels) for a in row[3]]]
        for row in rows
    ]


def _plain_argument(value: Any, max_channels: int) -> Any:
    if value == "None":
        return None
    return min(value, max_channels) if type(value) is int else value
