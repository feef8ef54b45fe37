"""The backbone of the net to be trained learns to classify first, on a folder of images.

It is the backbone that the run trains in any case: the slim net's, after it has inherited, or that
of the first step on the way to it. The wide net stays what it is, so that what the slim net is
measured by does not change.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeyolo.dataset.image_folder import ImageFolder, check_images, read_image_folder
from edgeyolo.errors import DataError
from edgeyolo.files import read_json, write_json, write_text
from edgeyolo.flow.slim_net import first_start
from edgeyolo.flow.training import CLASSIFICATION, train_in
from edgeyolo.jobs.events import all_events
from edgeyolo.measure.proportion import Proportion
from edgeyolo.plan.plan import Plan
from edgeyolo.progress import Progress
from edgeyolo.report.pretraining import pretraining_sentence
from edgeyolo.runs import Run
from edgeyolo.train.folder import BEST, START
from edgeyolo.train.recipe import Job

if TYPE_CHECKING:
    from edgeyolo.slim.fates import TensorFate

_IMAGES = "images.json"  # what was found out about the image folder
_MANY = 5  # classes; of no more than these the right one is always among the first five


def check_image_folder(run: Run, plan: Plan, progress: Progress) -> None:
    """Look at every image of the folder before hours of work rest on them."""
    folder = _read(plan)
    total = len(folder.images)
    check_images(
        folder, lambda done, _: progress.step(done, total, "looking at images to classify")
    )
    held = folder.held_back or f"{len(folder.val)} of them"
    progress.line(
        f"To classify: {len(folder.names)} classes; {len(folder.train)} images to train on, "
        f"{len(folder.val)} held back ({held})."
    )
    write_json(run.pretraining / _IMAGES, {"fingerprint": folder.fingerprint()})


def pretrain(run: Run, plan: Plan, progress: Progress) -> None:
    """Train the classifier, and put its backbone into the net that is trained next."""
    from edgeyolo.slim.checkpoint import open_checkpoint, save_checkpoint
    from edgeyolo.slim.fates import table
    from edgeyolo.train.classifier import build_classifier, carry_backbone, open_classifier

    images, folder, start = _images_of(run, plan, progress), run.pretraining, first_start(run)
    if not (folder / START).exists():
        net = open_checkpoint(start)
        save_checkpoint(build_classifier(net, images.names, plan.recipe.seed), folder / START)
    Job(str(images.root), plan.pretrain_recipe).save_anew(folder)
    train_in(run, folder, CLASSIFICATION, progress)
    net = open_checkpoint(start)
    fates = carry_backbone(open_classifier(folder / BEST), net)
    save_checkpoint(net, start)
    write_text(start.with_name("pretrain.txt"), table(fates))
    outcome = _outcome(images, plan, all_events(folder), fates)
    write_json(run.pretrain_file, outcome)
    progress.line(_sentence(outcome, start.with_name("pretrain.txt")))


def _read(plan: Plan) -> ImageFolder:
    assert plan.pretrain is not None
    return read_image_folder(Path(plan.pretrain), plan.recipe.seed)


def _images_of(run: Run, plan: Plan, progress: Progress) -> ImageFolder:
    if not (run.pretraining / _IMAGES).exists():
        check_image_folder(run, plan, progress)
    folder = _read(plan)
    if folder.fingerprint() != read_json(run.pretraining / _IMAGES)["fingerprint"]:
        raise DataError(
            f"The images in {folder.root} were changed since this run began.",
            "Put them back, or start a new run.",
        )
    return folder


def _outcome(
    images: ImageFolder, plan: Plan, events: list[dict[str, Any]], fates: list[TensorFate]
) -> dict[str, Any]:
    from edgeyolo.slim.fates import summary

    done = {event["epoch"]: event for event in events if event["event"] == "epoch"}
    last = [event for event in events if event["event"] == "finished"][-1]
    return {
        "data": {
            "name": images.root.name,
            "classes": list(images.names),
            "images": {"train": len(images.train), "val": len(images.val)},
            "held_back": images.held_back,
            "fingerprint": images.fingerprint(),
        },
        "recipe": plan.pretrain_recipe.to_dict(),
        "epochs": last["epochs"],
        "best_epoch": last["best_epoch"],
        "seconds": round(sum(event["seconds"] for event in done.values()), 1),
        "top1": _share(last["top1"], last["images"]),
        "top5": _share(last["top5"], last["images"]) if len(images.names) > _MANY else None,
        "top1_by_epoch": [done[number]["top1"] for number in sorted(done)],
        "summary": summary(fates),
        "tensors": [fate.to_dict() for fate in fates],
    }


def _share(value: float, total: int) -> dict[str, Any]:
    return Proportion(round(value * total), total).to_dict()


def _sentence(outcome: dict[str, Any], table: Path) -> str:
    counts = outcome["summary"]
    return (
        f"{pretraining_sentence(outcome)} Tensors: {counts['pretrained']} carried over, "
        f"{counts['kept']} kept; each of them is in {table}."
    )
