"""The data set of a run: checked at the beginning, the same until the end."""

from __future__ import annotations

from pathlib import Path

from edgeyolo.dataset.check import load_split
from edgeyolo.dataset.find import DEMO, DataChoice
from edgeyolo.dataset.read import Dataset, read_dataset
from edgeyolo.errors import DataError
from edgeyolo.files import read_json, write_json
from edgeyolo.plan.plan import Plan
from edgeyolo.progress import Progress
from edgeyolo.runs import Run


def check_input(run: Run, plan: Plan, progress: Progress) -> None:
    """Look at every image and every label before hours of work rest on them."""
    choice = DataChoice(DEMO if plan.is_demo else plan.data, plan.data_origin)
    dataset = choice.open(lambda done, total: progress.step(done, total, "drawing images"))
    counts = {}
    for split in ("train", "val"):
        samples = load_split(
            dataset, split, lambda done, total: progress.step(done, total, "looking at images")
        )
        counts[split] = {"images": len(samples), "boxes": sum(len(s.boxes) for s in samples)}
    progress.line(
        f"{len(dataset.names)} classes; "
        + "; ".join(f"{s}: {c['images']} images, {c['boxes']} boxes" for s, c in counts.items())
    )
    write_json(
        run.data_file,
        {
            "path": str(dataset.path),
            "names": list(dataset.names),
            "splits": counts,
            "fingerprint": dataset.fingerprint(),
        },
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
