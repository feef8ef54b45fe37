"""Which nets can come from which, and learn from which."""

from __future__ import annotations

from edgeyolo.errors import SpecError
from edgeyolo.slim.architecture import layers
from edgeyolo.slim.cost import scaled
from edgeyolo.slim.spec import CHANNEL_STEP, SlimSpec


def check_inherits(slim: SlimSpec, wide: SlimSpec) -> None:
    """Refuse a net that would be larger than the one it takes its weights from.

    Raises:
        SpecError: naming the first lever that asks for too much.
    """
    for name, wanted, there in (
        ("width", slim.width, wide.width),
        ("depth", slim.depth, wide.depth),
        ("reg-max", slim.reg_max, wide.reg_max),
    ):
        if wanted > there:
            raise SpecError(
                f"A {name} of {wanted:g} is more than the starting net has ({there:g}).",
                f"Use --{name} {there:g} or less, or start from a larger net with --from.",
            )
    missing = [level for level in slim.heads if level not in wide.heads]
    if missing:
        raise SpecError(
            f"The starting net has no head {missing[0]}.",
            f"It has {','.join(wide.heads)}; keep some of these.",
        )
    if wide.cut_backbone and not slim.cut_backbone:
        raise SpecError(
            "The starting net lacks the last backbone stage.", "Add --cut-backbone as it has."
        )
    if not is_no_wider(slim, wide):
        caps = (slim.with_(max_channels=cap) for cap in range(slim.max_channels, 0, -CHANNEL_STEP))
        near = next(spec.max_channels for spec in caps if is_no_wider(spec, wide))
        raise SpecError(
            f"At a width of {slim.width:g} the deepest layers would have more channels than the "
            f"starting net's (width {wide.width:g}, at most {wide.max_channels} before it).",
            f"Use --max-channels {near} or less.",
        )


def is_no_wider(slim: SlimSpec, wide: SlimSpec) -> bool:
    """Whether no row of a net has more channels than in the other one."""
    rows = (layer.row for layer in layers(slim))
    counts = {row[3][0] for row in rows if row[2] in ("Conv", "C2f", "SPPF")}
    return all(scaled(count, slim) <= scaled(count, wide) for count in counts)


def check_teaches(
    teacher: SlimSpec, knows: tuple[str, ...], student: SlimSpec, names: tuple[str, ...]
) -> None:
    """Refuse a teacher that has no level or no class in common with the net that shall learn.

    Raises:
        SpecError: saying which of the two.
    """
    for what, theirs, mine in (
        ("levels", teacher.heads, student.heads),
        ("classes", knows, names),
    ):
        if not set(theirs) & set(mine):
            raise SpecError(
                f"The teacher knows none of the net's {what} ({', '.join(mine[:5])}).",
                "Name another --teacher, or train without: --distill 0.",
            )
