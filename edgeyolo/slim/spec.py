"""SlimSpec: every way in which a net can be made smaller, as one frozen row of values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from edgeyolo.errors import SpecError

LARGEST_STOCK_WIDTH = 1.25  # YOLOv8x, to start from; nothing else is wider than 1
LEVELS = ("P3", "P4", "P5")
STRIDES = {"P3": 8, "P4": 16, "P5": 32}
REG_MAX_CHOICES = (16, 8, 4, 1)
ACTIVATIONS = {
    "silu": "torch.nn.SiLU()",
    "relu": "torch.nn.ReLU()",
    "hardswish": "torch.nn.Hardswish()",
}
CHANNEL_STEP = 64  # max_channels is a multiple of it
WIDTH_STEPS = 64  # widths are multiples of 1/64
_ROUNDING = 1e-6  # how far from a multiple a width may be written
_FEWEST_ANCHORS = 10  # that ultralytics' assigner chooses from for each box
GRID = 32  # sides of the input are multiples of the largest stride
MIN_CHANNELS = 8  # ultralytics rounds every layer up to a multiple of 8


@dataclass(frozen=True, slots=True)
class SlimSpec:
    """A YOLOv8 detection net; the defaults are YOLOv8n.

    ``width`` scales all channels and ``max_channels`` caps them before scaling; ``depth`` scales
    the repeats of the C2f blocks; ``heads`` are the detection levels kept; ``reg_max`` is the
    number of DFL bins per box side (Li et al. 2020, arXiv:2006.04388), 1 for plain distances;
    ``cut_backbone`` drops the stage that only P5 uses.

    Raises:
        SpecError: when no such net can be built; the message names the nearest possible value.
    """

    width: float = 0.25
    depth: float = 0.33
    heads: tuple[str, ...] = field(default=LEVELS)
    reg_max: int = 16
    max_channels: int = 1024
    activation: str = "silu"
    cut_backbone: bool = False

    def __post_init__(self) -> None:
        _check_depth(self.depth)
        _check_choice("reg_max", self.reg_max, REG_MAX_CHOICES)
        _check_max_channels(self.max_channels)
        # Equal values must be written alike, since the name is made from them.
        object.__setattr__(self, "width", _exact_width(self.width))
        object.__setattr__(self, "reg_max", int(self.reg_max))
        object.__setattr__(self, "max_channels", int(self.max_channels))
        object.__setattr__(self, "heads", _ordered_heads(self.heads))
        if self.activation not in ACTIVATIONS:
            near = get_close_matches(self.activation.lower(), ACTIVATIONS, n=1, cutoff=0)[0]
            raise SpecError(
                f"There is no activation {self.activation!r}.",
                f"Use one of {', '.join(ACTIVATIONS)}; the nearest is {near}.",
            )
        if self.cut_backbone and "P5" in self.heads:
            raise SpecError(
                "The last backbone stage cannot be cut while P5 is kept.",
                "Add --heads P3,P4 or leave out --cut-backbone.",
            )

    @property
    def name(self) -> str:
        """Name that no other spec shares, e.g. ``w0.125-d0.33-P3P4-r8-m512-relu-cut``.

        Values at their default are left out after the width and the depth.
        """
        parts = [f"w{self.width:g}", f"d{_digits(self.depth)}"]
        if self.heads != LEVELS:
            parts.append("".join(self.heads))
        if self.reg_max != 16:
            parts.append(f"r{self.reg_max}")
        if self.max_channels != 1024:
            parts.append(f"m{self.max_channels}")
        if self.activation != "silu":
            parts.append(self.activation)
        if self.cut_backbone:
            parts.append("cut")
        return "-".join(parts)

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels of the input per cell of each kept level."""
        return tuple(STRIDES[head] for head in self.heads)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "heads": list(self.heads)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SlimSpec:
        """Inverse of :meth:`to_dict`."""
        return cls(**{**values, "heads": tuple(values["heads"])})

    def with_(self, **changes: Any) -> SlimSpec:
        """Copy with some values changed."""
        return replace(self, **changes)


def parse_heads(text: str) -> tuple[str, ...]:
    """Read ``P3,P4`` (or ``p3 p4``, ``P3P4``); the order does not matter.

    Raises:
        SpecError: for an unknown level, or levels with a gap.
    """
    words = text.upper().replace(",", " ").replace("P", " P").split()
    return _ordered_heads(tuple(words))


def check_imgsz(imgsz: int, spec: SlimSpec | None = None) -> None:
    """Refuse an input side that the strides do not divide, or too small to train ``spec`` at.

    Raises:
        SpecError: naming the nearest possible one.
    """
    if imgsz < GRID or imgsz % GRID:
        near = max(GRID, round(imgsz / GRID) * GRID)
        raise SpecError(
            f"An image size of {imgsz} is not possible.",
            f"It must be a multiple of {GRID}; the nearest is {near}.",
        )
    if spec and not can_train(imgsz, spec):
        least = next(side for side in range(imgsz, 1024, GRID) if can_train(side, spec))
        raise SpecError(
            f"An image size of {imgsz} is too small for the heads {','.join(spec.heads)}.",
            f"The least is {least}.",
        )


def can_train(side: int, spec: SlimSpec) -> bool:
    """Whether there are enough anchors, and more than one value in a channel of the deepest map."""
    anchors = sum((side // stride) ** 2 for stride in spec.strides)
    return anchors >= _FEWEST_ANCHORS and side > GRID


def _ordered_heads(heads: tuple[str, ...]) -> tuple[str, ...]:
    for head in heads:
        if head not in LEVELS:
            near = get_close_matches(head, LEVELS, n=1, cutoff=0.1)
            raise SpecError(
                f"There is no detection head {head!r}.",
                f"The heads are P3, P4 and P5; the nearest is {near[0] if near else 'P3'}.",
            )
    kept = tuple(level for level in LEVELS if level in heads)
    if not kept:
        raise SpecError("No detection head is kept.", "Keep at least one of P3, P4 and P5.")
    if kept == ("P3", "P5"):
        raise SpecError(
            "P3 and P5 cannot be kept without P4, because the neck passes through it.",
            "Use P3,P4 or P4,P5 or all three.",
        )
    return kept


def _digits(value: float) -> str:
    """All digits that tell a number from others, without a trailing ``.0``."""
    return repr(float(value)).removesuffix(".0")


def _exact_width(width: float) -> float:
    """The multiple of 1/64 that is meant, free of the caller's rounding."""
    if width == LARGEST_STOCK_WIDTH:
        return width
    allowed = "The width is a multiple of 1/64 from 0.015625 to 1"
    if not 1 / WIDTH_STEPS - _ROUNDING <= width <= 1 + _ROUNDING:
        near = 1.0 if width > 1 else 1 / WIDTH_STEPS
        raise SpecError(f"A width of {width:g} is not possible.", f"{allowed}; use {near:g}.")
    nearest = round(width * WIDTH_STEPS) / WIDTH_STEPS
    if abs(width - nearest) <= _ROUNDING:
        return nearest
    below = int(width * WIDTH_STEPS)
    raise SpecError(
        f"A width of {width:g} is not possible.",
        f"{allowed}; the nearest are {below / WIDTH_STEPS:g} and {(below + 1) / WIDTH_STEPS:g}.",
    )


def _check_depth(depth: float) -> None:
    if not 0 < depth <= 1:
        near = 0.33 if depth <= 0 else 1
        raise SpecError(
            f"A depth of {depth:g} is not possible.",
            f"The depth is above 0 and at most 1; the nearest sensible one is {near:g}.",
        )


def _check_choice(name: str, value: int, choices: tuple[int, ...]) -> None:
    if value not in choices:
        near = min(choices, key=lambda choice: abs(choice - value))
        raise SpecError(
            f"{name} {value} is not possible.",
            f"Use one of {', '.join(map(str, choices))}; the nearest is {near}.",
        )


def _check_max_channels(value: int) -> None:
    if value < CHANNEL_STEP or value > 1024 or value % CHANNEL_STEP:
        near = min(1024, max(CHANNEL_STEP, round(value / CHANNEL_STEP) * CHANNEL_STEP))
        raise SpecError(
            f"max_channels {value} is not possible.",
            f"Use a multiple of 64 from 64 to 1024; the nearest is {near}.",
        )
