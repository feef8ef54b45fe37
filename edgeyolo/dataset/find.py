"""Which data set a command works on, and why that one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgeyolo.dataset.demo import DEMO_NAMES, DEMO_VERSION, generate
from edgeyolo.dataset.read import Dataset, read_dataset, read_names
from edgeyolo.locations import cache_dir

DEMO = "demo"


@dataclass(frozen=True, slots=True)
class DataChoice:
    """A data set by name or path, and a few words on where the choice came from."""

    value: str
    origin: str

    @property
    def is_demo(self) -> bool:
        return self.value == DEMO

    def names(self) -> tuple[str, ...]:
        """Class names, without making the demo data or looking for images."""
        return DEMO_NAMES if self.is_demo else read_names(Path(self.value))

    def open(
        self, progress: Callable[[int, int], None] | None = None, *, lenient: bool = False
    ) -> Dataset:
        """Read it; the demo data are made first, in the user's cache.

        Raises:
            DataError: when there is no such data set or it is malformed; where it is ``lenient``,
                not when some of its images are missing.
        """
        if self.is_demo:
            return read_dataset(generate(demo_folder(), progress=progress))
        return read_dataset(Path(self.value), lenient=lenient)


def demo_folder() -> Path:
    """Where the demo data of this version are kept."""
    return cache_dir() / f"demo-v{DEMO_VERSION}"


def choose_data(configured: str | None, origin: str, folder: Path | None = None) -> DataChoice:
    """What the user named, else the data.yaml of the working folder, else the demo data."""
    if configured is not None:
        return DataChoice(configured, origin)
    local = (folder or Path()) / "data.yaml"
    if local.is_file():
        return DataChoice(str(local), "found in this folder")
    return DataChoice(DEMO, "built in; nothing else was named")
