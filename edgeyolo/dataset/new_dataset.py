"""Write a new data set: whole or not at all, and nowhere inside another."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from edgeyolo.dataset.annotations import Remark
from edgeyolo.dataset.labels import label_path
from edgeyolo.dataset.read import SPLITS
from edgeyolo.errors import UsageError
from edgeyolo.files import fail_clearly, new_folder

LIST = "left-out.txt"  # in the new folder, a line for each remark

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of a new data set, and the content of its label file."""

    split: str
    image: Path
    labels: bytes


def write_dataset(
    out: Path,
    names: Sequence[str],
    entries: Sequence[Entry],
    remarks: Sequence[Remark] = (),
    *,
    link: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write a new folder with ``images/SPLIT``, ``labels/SPLIT`` and ``data.yaml``.

    It is written whole or not at all. Images are copies, byte for byte, or symbolic links with
    ``link``. No hard links: what is changed in one data set would change in the other.
    """
    with new_folder(out) as work:
        for done, (entry, name) in enumerate(_with_names(entries), start=1):
            image = work / "images" / entry.split / name
            labels = label_path(image)
            for folder in (image.parent, labels.parent):
                folder.mkdir(parents=True, exist_ok=True)
            if link:
                image.symlink_to(entry.image.resolve())
            else:
                shutil.copyfile(entry.image, image)
            labels.write_bytes(entry.labels)
            if progress:
                progress(done, len(entries))
        (work / "data.yaml").write_text(_data_yaml(names, entries), encoding="utf-8")
        if remarks:
            lines = "".join(f"{remark}\n" for remark in remarks)
            (work / LIST).write_text(lines, encoding="utf-8", errors="backslashreplace")


def check_out(out: Path, sources: Iterable[Path]) -> None:
    """Refuse what is there already, or lies in a folder of the source, which nothing may touch.

    Raises:
        UsageError: saying which.
    """
    with fail_clearly(out):
        if out.exists() or out.is_symlink():
            raise UsageError(f"{out} exists already.", "Choose another --out.")
        parents = set(out.resolve().parents)
        inside = next((each for each in sources if each.resolve() in parents), None)
    if inside is not None:
        raise UsageError(
            f"--out {out} lies inside {inside}, which is part of the source.",
            "Choose a folder elsewhere; the source is left as it is.",
        )


def _with_names(entries: Sequence[Entry]) -> Iterator[tuple[Entry, str]]:
    """Each with a file name whose stem is free in its split, as images share a label file by it."""
    used: set[tuple[str, str]] = set()
    for entry in entries:
        hidden = "_" if entry.image.name.startswith(".") else ""  # hidden files are passed over
        name, number = Path(hidden + entry.image.name), 1
        free = name
        while (entry.split, free.stem.casefold()) in used:  # many file systems ignore case
            number += 1
            free = name.with_stem(f"{name.stem}-{number}")
        used.add((entry.split, free.stem.casefold()))
        yield entry, str(free)


def _data_yaml(names: Sequence[str], entries: Sequence[Entry]) -> str:
    filled = {entry.split for entry in entries}
    lines = [f"{split}: images/{split}\n" for split in SPLITS if split in filled]
    named = yaml.safe_dump(
        {"names": dict(enumerate(names))}, allow_unicode=True, sort_keys=False, width=1000
    )
    return "".join(lines) + named
