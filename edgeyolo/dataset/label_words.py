"""One line of a label file as words that are numbers, also where other signs stand in between."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from edgeyolo.dataset.findings import Fault, Kind

# What programs put around numbers, and signs that cannot be seen: a byte order mark within a file
# that was put together of several, and the space without width.
_STRAY = ',;"()[]{}' + "'" + "\ufeff\u200b"
_SPACED = str.maketrans(dict.fromkeys(_STRAY, " "))
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?")

Words = list[str]


def number_words(line: str, names: Sequence[str]) -> tuple[Words | None, list[Fault]]:
    """The numbers of a line that is not blank, as words; ``None`` where they cannot be told.

    ``names`` are those of the classes. The faults say what had to be mended for it.
    """
    words = line.split()
    faults = [] if line == " ".join(words) else [_whitespace(line)]
    if all(map(is_number, words)):
        return words, faults
    mended = words
    mends: list[Fault] = []
    for mend in _MENDS:
        changed, fault = mend(mended, names)
        if fault is not None:
            mended, mends = changed, [*mends, fault]
    if all(map(is_number, mended)):
        return mended or None, faults + mends
    return None, [*faults, _not_numbers(next(word for word in mended if not is_number(word)))]


def is_number(word: str) -> bool:
    """Whether Python, and with it the reader, takes it for a number."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def _without_comment(words: Words, names: Sequence[str]) -> tuple[Words, Fault | None]:
    text, mark, _ = " ".join(words).partition("#")
    fault = Fault(
        Kind.LINE_COMMENT,
        "A comment stands in the line, and label files have none.",
        "Remove it from the # on.",
    )
    return text.split(), fault if mark else None


def _without_stray(words: Words, names: Sequence[str]) -> tuple[Words, Fault | None]:
    fault = Fault(
        Kind.LINE_SEPARATORS,
        "Commas, brackets, quotes or invisible signs stand between the numbers.",
        "Separate the numbers by one space each, and write decimals with a point.",
    )
    bare = [word.strip(_STRAY) for word in words]
    if len(bare) >= 5 and all(is_number(word) or _DECIMAL_COMMA.fullmatch(word) for word in bare):
        bare = [word.replace(",", ".") for word in bare]
    else:
        bare = " ".join(words).translate(_SPACED).split()
    return bare, fault if bare != words else None


def _without_name(words: Words, names: Sequence[str]) -> tuple[Words, Fault | None]:
    for length in range(1, len(words) - 3):
        name = " ".join(words[:length])
        number = _class_of(name, names)
        if number is not None and all(map(is_number, words[length:])):
            fault = Fault(
                Kind.CLASS_BY_NAME,
                f"The class is given by its name, {name!r}.",
                f"Write its number, {number}.",
            )
            return [str(number), *words[length:]], fault
    return words, None


def _class_of(name: str, names: Sequence[str]) -> int | None:
    """Number of a class by its name; by other capitals only where that leaves one."""
    if name in names:
        return names.index(name)
    alike = [index for index, each in enumerate(names) if each.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


_MENDS: tuple[Callable[[Words, Sequence[str]], tuple[Words, Fault | None]], ...] = (
    _without_comment,
    _without_stray,
    _without_name,
)


def _whitespace(line: str) -> Fault:
    signs = {"\t": "a tab", "\xa0": "a no-break space"}
    what = next((name for sign, name in signs.items() if sign in line), "a space too many")
    return Fault(
        Kind.LINE_WHITESPACE,
        f"There is {what} in the line.",
        "Separate the numbers by one space each, with none at the ends.",
    )


def _not_numbers(word: str) -> Fault:
    return Fault(
        Kind.LINE_NOT_NUMBERS,
        f"{word!r} is not a number.",
        "A line is 'class center_x center_y width height'; mend it or remove it.",
    )
