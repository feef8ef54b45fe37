"""What a look at a data set found, and what a cleaned copy changes, for reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from edgeyolo.dataset.examine import Examination
from edgeyolo.dataset.findings import Finding, Kind, Severity
from edgeyolo.dataset.fix import Cleaning

_TITLES: dict[Severity, str] = {
    "damage": "DAMAGE: training would refuse it, or learn wrongly from it",
    "notice": "NOTICES: worth knowing",
}


def check_table(found: Examination) -> str:
    """All findings by severity and kind, then the counts in one line."""
    return "\n".join([*_grouped(found.findings), _summary(found)])


def check_dict(found: Examination) -> dict[str, Any]:
    """The same for JSON; counts are by split."""
    counts = {split: found.counts(split) for split in found.dataset.splits}
    return {
        "images": {split: count.images for split, count in counts.items()},
        "labels": {split: count.labels for split, count in counts.items()},
        "boxes": {split: count.boxes for split, count in counts.items()},
        "findings": [finding.to_dict() for finding in found.findings],
    }


def fix_table(cleaning: Cleaning) -> str:
    """All changes, then the damage that only the owner of the data can mend."""
    left = [finding for finding in cleaning.left if finding.severity == "damage"]
    lines = [str(change) for change in cleaning.changes]
    if left:
        lines += ["", "Left to you, as it can be meant in several ways:", *map(str, left)]
    notices = len(cleaning.left) - len(left)
    words = [
        count_of(len(cleaning.changes), "change"),
        f"{count_of(len(left), 'damaged place')} left",
        f"{count_of(notices, 'notice')} left",
    ]
    return "\n".join([*lines, "", f"{', '.join(words)}."])


def fix_dict(cleaning: Cleaning) -> dict[str, Any]:
    """The same for JSON."""
    return {
        "changes": [change.to_dict() for change in cleaning.changes],
        "findings": [finding.to_dict() for finding in cleaning.left],
    }


def count_of(number: int, one: str, several: str = "") -> str:
    """``1 box``, ``2 boxes``."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"


def _grouped(findings: Sequence[Finding]) -> Iterator[str]:
    for severity, ours in groupby(findings, key=lambda finding: finding.severity):
        yield from (_TITLES[severity], "")
        for kind, same in groupby(ours, key=lambda finding: finding.kind):
            yield from _block(kind, list(same))


def _block(kind: Kind, findings: Sequence[Finding]) -> Iterator[str]:
    yield f"{kind.value}: {len(findings)}"
    # At the start of the line, where editors and terminals look for a place to jump to.
    yield from map(str, findings)
    yield ""


def _summary(found: Examination) -> str:
    parts = []
    for split in found.dataset.splits:
        count = found.counts(split)
        parts.append(
            f"{split} {count_of(count.images, 'image')}, "
            f"{count_of(count.labels, 'label file')}, {count_of(count.boxes, 'box', 'boxes')}"
        )
    severities = Counter(finding.severity for finding in found.findings)
    findings = count_of(len(found.findings), "finding")
    damage = f"{severities['damage']} damage, {count_of(severities['notice'], 'notice')}"
    return f"{'; '.join(parts)}; {findings}: {damage}."
