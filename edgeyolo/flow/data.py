"""The data set of a run: checked at the beginning, the same until the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeyolo.dataset.check import load_split
from edgeyolo.dataset.examine import examine
from edgeyolo.dataset.find import DEMO, DataChoice
from edgeyolo.dataset.read import Dataset, read_dataset
from edgeyolo.errors import DataError
from edgeyolo.files import read_json, write_json
from edgeyolo.flow.data_statistics import sizes_of, statistics_of
from edgeyolo.plan.plan import Plan
from edgeyolo.progress import Progress
from edgeyolo.report.data import count_of
from edgeyolo.runs import Run


def check_input(run: Run, plan: Plan, progress: Progress) -> None:
    """Look at every image and every label before hours of work rest on them.

    Raises:
        DataError: when training would refuse something of it.
    """
    choice = DataChoice(DEMO if plan.is_demo else plan.data, plan.data_origin)
    dataset = choice.open(lambda done, total: progress.step(done, total, "drawing images"))
    found = examine(
        dataset, plan.imgsz, lambda done, total: progress.step(done, total, "looking at images")
    )
    sizes = sizes_of(found)
    samples = {split: load_split(dataset, split, sizes=sizes) for split in ("train", "val")}
    counts = {
        split: {"images": len(ours), "boxes": sum(len(sample.boxes) for sample in ours)}
        for split, ours in samples.items()
    }
    told = statistics_of(found, samples, plan.imgsz)
    progress.line(
        f"{len(dataset.names)} classes; "
        + "; ".join(f"{s}: {c['images']} images, {c['boxes']} boxes" for s, c in counts.items())
    )
    for shared in told["duplicates"]:
        progress.line(_shared(shared))
    write_json(
        run.data_file,
        {
            "path": str(dataset.path),
            "names": list(dataset.names),
            "splits": counts,
            "fingerprint": dataset.fingerprint(),
            "statistics": told,
        },
    )


def _shared(shared: dict[str, Any]) -> str:
    """A warning about images that two splits hold."""
    how = "the same as" if shared["kind"] == "same" else "nearly the same as"
    return (
        f"{count_of(shared['images'], 'image')} of {shared['split']}: {how} one of "
        f"{shared['of']}, so {shared['split']} rewards what is learned by heart "
        "('edgeyolo data check' names each)."
    )


def dataset_of(run: Run) -> Dataset:
    """The data set of a run.

    Raises:
        DataError: when it was changed since the run began.
    """
    stored = read_json(run.data_file)
    dataset = read_dataset(Path(stored["path"]))
    if dataset.fingerprint() != stored["fingerprint"]:
        raise DataError(
            f"The data set {dataset.path} was changed since this run began.",
            "Put it back, or start a new run.",
        )
    return dataset


def data_name(plan: Plan) -> str:
    """Name of the data set without the path, which is nobody's business on a board."""
    return "demo" if plan.is_demo else Path(plan.data).absolute().parent.name
