"""What a look at a data set finds: each kind by a stable name, with its place and a remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal

Severity = Literal["damage", "notice"]


class Kind(Enum):
    """Everything that is looked for; the values are what ``--json`` calls it."""

    IMAGE_MISSING = "image-missing"
    IMAGE_UNREADABLE = "image-unreadable"
    IMAGE_TRUNCATED = "image-truncated"
    IMAGE_CORRUPT = "image-corrupt"
    IMAGE_TOO_SMALL = "image-too-small"
    IMAGE_ACROSS_SPLITS = "image-across-splits"
    IMAGE_NEARLY_ACROSS_SPLITS = "image-nearly-across-splits"
    LABELS_WITHOUT_IMAGE = "labels-without-image"
    LABELS_MISPLACED = "labels-misplaced"
    LABELS_SHARED = "labels-shared"
    LABELS_UNREADABLE = "labels-unreadable"
    LABELS_NOT_TEXT = "labels-not-text"
    LABELS_ENCODING = "labels-encoding"
    LINE_NOT_NUMBERS = "line-not-numbers"
    LINE_COMMENT = "line-comment"
    LINE_SEPARATORS = "line-separators"
    LINE_COUNT = "line-count"
    LINE_EXTRA_COLUMN = "line-extra-column"
    LINE_POLYGON = "line-polygon"
    LINE_DUPLICATED = "line-duplicated"
    VALUE_NOT_FINITE = "value-not-finite"
    CLASS_OUT_OF_RANGE = "class-out-of-range"
    CLASS_BY_NAME = "class-by-name"
    BOX_OUTSIDE = "box-outside"
    BOX_IN_PIXELS = "box-in-pixels"
    BOX_ZERO_SIZE = "box-zero-size"
    BOX_NEGATIVE_SIZE = "box-negative-size"
    NAMES_ALIKE = "names-alike"
    SPLIT_WITHOUT_LABELS = "split-without-labels"
    IMAGE_WITHOUT_LABELS = "image-without-labels"
    IMAGE_TWICE = "image-twice"
    IMAGE_ROTATED = "image-rotated"
    IMAGE_MISNAMED = "image-misnamed"
    LABELS_BOM = "labels-bom"
    LABELS_LINE_ENDS = "labels-line-ends"
    LINE_WHITESPACE = "line-whitespace"
    BOX_TOO_SMALL = "box-too-small"
    CLASS_NEVER_USED = "class-never-used"
    CLASS_UNTRAINED = "class-untrained"
    CLASS_RARE = "class-rare"

    @property
    def severity(self) -> Severity:
        """Whether training would refuse it or silently learn wrongly from it."""
        return "notice" if self in _NOTICES else "damage"


# An image without a label file is a notice: every trainer takes it for background, which is what
# many data sets mean by it, and nobody but the user can tell whether something is on it. Where a
# label file lies beside it under another name, that is damage of its own.
_NOTICES = {
    Kind.IMAGE_WITHOUT_LABELS,
    Kind.IMAGE_TWICE,
    Kind.IMAGE_ROTATED,
    Kind.IMAGE_MISNAMED,
    Kind.LABELS_BOM,
    Kind.LABELS_LINE_ENDS,
    Kind.LINE_WHITESPACE,
    Kind.BOX_TOO_SMALL,
    Kind.CLASS_NEVER_USED,
    Kind.CLASS_UNTRAINED,
    Kind.CLASS_RARE,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault at its place; ``what`` and ``remedy`` are a sentence each."""

    kind: Kind
    file: Path
    line: int | None  # from 1; None where the file as a whole is meant
    what: str
    remedy: str

    @property
    def severity(self) -> Severity:
        """That of its kind."""
        return self.kind.severity

    def __str__(self) -> str:
        return f"{place(self.file, self.line)}: {self.what} {self.remedy}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "kind": self.kind.value,
            "severity": self.severity,
            "file": str(self.file),
            "line": self.line,
            "what": self.what,
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with something whose place is known to the one who asked."""

    kind: Kind
    what: str
    remedy: str

    def at(self, file: Path, line: int | None = None) -> Finding:
        """The same with its place."""
        return Finding(self.kind, file, line, self.what, self.remedy)


def place(file: Path, line: int | None) -> str:
    """``file:line``, as editors and terminals open it."""
    return f"{file}" if line is None else f"{file}:{line}"
