"""What can be refused before a run has a folder, and before hours of work rest on it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from edgeyolo.dataset.find import DEMO, DataChoice
from edgeyolo.errors import PACKAGES, MissingDependencyError, UsageError
from edgeyolo.plan.plan import Plan
from edgeyolo.slim.checkpoint import names_of, open_checkpoint, spec_of
from edgeyolo.slim.checks import check_inherits, check_teaches
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.train.device import choose_device
from edgeyolo.train.settings import check_settings
from edgeyolo.workshop import open_workshop

_ALWAYS = (
    *("torch", "torchvision", "ultralytics", "torch_pruning", "onnx", "onnxslim"),
    *("faster_coco_eval", "jinja2", "matplotlib", "cv2"),
)
_FOR_ENGINE = {"ncnn": ("ncnn", "pnnx")}


def preflight(plan: Plan) -> None:
    """Look for packages, the device and the starting net.

    Raises:
        MissingDependencyError: when a later stage would miss a package.
        UsageError: when the device is not there, a checkpoint is not one, the slim net would be
            larger than the one it inherits from, or the teacher has nothing to teach it.
    """
    needed = [*_ALWAYS, *(p for e in plan.engines for p in _FOR_ENGINE.get(e, (e,)))]
    for package in needed:
        if importlib.util.find_spec(package) is None:
            raise MissingDependencyError(*PACKAGES[package])
    if plan.recipe.device not in ("auto", "cpu"):
        open_workshop()
        choose_device(plan.recipe.device)
    if plan.source:
        wide = spec_of(open_checkpoint(Path(plan.source)))
    else:
        wide = plan.spec if plan.plain else SlimSpec()
    check_inherits(plan.spec, wide)
    plan.steps(wide)  # refuses steps that lead nowhere
    for spec in (wide, plan.spec):
        plan.recipe.frozen_layers(spec)
    if plan.recipe.freeze and plan.plain and not plan.source and not plan.pretrain:
        raise UsageError(
            f"--freeze {plan.recipe.freeze} would keep layers that have learned nothing.",
            "Name starting weights with --from, or leave it out.",
        )
    if plan.recipe.settings:
        open_workshop()
        check_settings(plan.recipe.settings)
    if plan.teacher and plan.recipe.is_taught:
        teacher = open_checkpoint(Path(plan.teacher))
        names = DataChoice(DEMO if plan.is_demo else plan.data, plan.data_origin).names()
        check_teaches(spec_of(teacher), names_of(teacher), plan.spec, names)
