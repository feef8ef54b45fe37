"""One label file, line by line: its labels, its faults, and how each line reads once mended."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgeyolo.dataset.findings import Fault, Finding, Kind
from edgeyolo.dataset.label_rows import Row, read_row
from edgeyolo.dataset.label_words import number_words

_SEGMENTED = 7  # numbers of the shortest polygon
# A line with only these is written anew with its own digits; any other change makes new numbers.
_OF_WORDS = {
    Kind.LINE_WHITESPACE,
    Kind.LINE_SEPARATORS,
    Kind.LINE_COMMENT,
    Kind.CLASS_BY_NAME,
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not empty.

    ``row`` is its label, as it is read or would be once mended, and ``mended`` the text for that:
    ``text`` itself where nothing has to be. Both are ``None`` where the line holds no label.
    """

    number: int
    text: str
    faults: tuple[Fault, ...]
    row: Row | None
    mended: str | None


@dataclass(frozen=True, slots=True, eq=False)
class LabelFile:
    """All of a label file; ``faults`` are those of the file as a whole."""

    path: Path
    faults: tuple[Fault, ...]
    lines: tuple[Line, ...] = ()

    @property
    def labels(self) -> list[Line]:
        """The lines that hold a label."""
        return [line for line in self.lines if line.row is not None]

    @property
    def is_readable(self) -> bool:
        """Whether its bytes could be read."""
        return all(fault.kind is not Kind.LABELS_UNREADABLE for fault in self.faults)

    @property
    def is_text(self) -> bool:
        """Whether they are text."""
        is_text = all(fault.kind is not Kind.LABELS_NOT_TEXT for fault in self.faults)
        return self.is_readable and is_text

    def findings(self) -> list[Finding]:
        """Those of the file, then those of its lines."""
        ours = [fault.at(self.path) for fault in self.faults]
        return ours + [
            fault.at(self.path, line.number) for line in self.lines for fault in line.faults
        ]

    def mended(self) -> str | None:
        """What a clean file holds; ``None`` where this one is clean."""
        if not self.faults and all(line.mended == line.text for line in self.lines):
            return None
        return "".join(f"{line.mended}\n" for line in self.lines if line.mended is not None)


def examine_labels(path: Path, names: Sequence[str]) -> LabelFile:
    """Look at a file; whatever is wrong with it is a fault, never an error."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        what = f"The label file cannot be read: {reason}."
        fault = Fault(Kind.LABELS_UNREADABLE, what, "Allow it to be read, or replace it.")
        return LabelFile(path, (fault,))
    text, faults = _decoded(data)
    lines = _without_twins(_lines(text, names))
    if any(fault.kind is Kind.LABELS_ENCODING for fault in faults) and not any(
        line.row for line in lines
    ):
        return LabelFile(path, (_NOT_TEXT,))
    return LabelFile(path, tuple(faults), tuple(lines))


def _decoded(data: bytes) -> tuple[str, list[Fault]]:
    """The text with ``\\n`` alone at the ends of lines, as the reader takes it."""
    faults = [_BOM] if data.startswith(codecs.BOM_UTF8) else []
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        # Latin-1 decodes every byte, so that a wrong one costs its own line only.
        text = data.decode("utf-16" if is_wide else "latin-1", errors="replace")
        faults = [_ENCODING]
    if "\r" in text:
        faults.append(_LINE_ENDS)
    return text.replace("\r\n", "\n").replace("\r", "\n"), faults


def _lines(text: str, names: Sequence[str]) -> list[Line]:
    texts = text.split("\n")
    segmented = any(len(line.split()) >= _SEGMENTED for line in texts)
    return [
        _line(number, line, names, segmented=segmented)
        for number, line in enumerate(texts, start=1)
        if line
    ]


def _line(number: int, text: str, names: Sequence[str], *, segmented: bool) -> Line:
    words, faults = number_words(text, names) if text.strip() else ([], [_BLANK])
    if not words:
        return Line(number, text, tuple(faults), None, None)
    row, more = read_row(list(map(float, words)), len(names), segmented=segmented)
    faults = faults + more
    if row is None:
        return Line(number, text, tuple(faults), None, None)
    return Line(number, text, tuple(faults), row, _mended(text, words, row, faults))


def _mended(text: str, words: list[str], row: Row, faults: list[Fault]) -> str:
    if not faults:
        return text
    if {fault.kind for fault in faults} <= _OF_WORDS:
        return " ".join(words)
    return " ".join([str(row[0]), *(f"{value:.9g}" for value in row[1:])])


def _without_twins(lines: list[Line]) -> list[Line]:
    """The same lines; of those that mean the same label, only the first still holds it."""
    first: dict[tuple[float, ...], int] = {}
    result = []
    for line in lines:
        if line.row is not None:
            # In the precision in which the reader compares them.
            key = tuple(np.array(line.row, np.float32).tolist())
            if first.setdefault(key, line.number) != line.number:
                fault = _twin(first[key])
                line = replace(line, faults=(*line.faults, fault), row=None, mended=None)
        result.append(line)
    return result


def _twin(number: int) -> Fault:
    return Fault(
        Kind.LINE_DUPLICATED,
        f"Line {number} holds the same label.",
        "Remove one of the two.",
    )


_NOT_TEXT = Fault(
    Kind.LABELS_NOT_TEXT,
    "The file is not text, or no line of it is a label.",
    "Replace it, or remove it.",
)
_ENCODING = Fault(
    Kind.LABELS_ENCODING,
    "The file is not in UTF-8, so that it is refused as a whole.",
    "Save it as UTF-8.",
)
_BOM = Fault(
    Kind.LABELS_BOM,
    "The file begins with a byte order mark, which not every program skips.",
    "Save it as UTF-8 without BOM.",
)
_LINE_ENDS = Fault(
    Kind.LABELS_LINE_ENDS,
    "The lines end as on Windows or an old Mac.",
    "Save it with Unix line ends.",
)
_BLANK = Fault(
    Kind.LINE_WHITESPACE,
    "The line holds nothing but spaces.",
    "Remove it.",
)
