"""The backbone of a detector with a classifier's head on it, and back again."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeyolo.errors import CheckpointError
from edgeyolo.slim.architecture import backbone_length, to_yaml
from edgeyolo.slim.checkpoint import spec_of, unpickle
from edgeyolo.slim.fates import TensorFate
from edgeyolo.slim.spec import SlimSpec
from edgeyolo.workshop import open_workshop

if TYPE_CHECKING:
    from ultralytics.nn.tasks import ClassificationModel, DetectionModel

_HEAD = [-1, 1, "Classify", ["nc"]]  # as in ultralytics' own yolov8-cls.yaml


def classifier_yaml(spec: SlimSpec, classes: int) -> dict[str, Any]:
    """The rows of the backbone, and ultralytics' classification head on the last of them."""
    values = to_yaml(spec, classes)
    del values["reg_max"]
    name = values["yaml_file"].removesuffix(".yaml")
    return {**values, "yaml_file": f"{name}-cls.yaml", "head": [list(_HEAD)]}


def build_classifier(
    net: DetectionModel, names: tuple[str, ...], seed: int = 0
) -> ClassificationModel:
    """A classifier of ``names`` on a copy of the backbone of ``net``; its head is random."""
    open_workshop()
    import torch
    from ultralytics.nn.tasks import ClassificationModel

    spec = spec_of(net)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = ClassificationModel(classifier_yaml(spec, len(names)), verbose=False)
    # Whole modules, not their weights alone: ultralytics gives detectors another BatchNorm epsilon.
    for index in range(backbone_length(spec)):
        classifier.model[index] = deepcopy(net.model[index])
    classifier.model[-1].conv.bn.eps = net.model[0].bn.eps
    classifier.model[-1].conv.bn.momentum = net.model[0].bn.momentum
    classifier.names = dict(enumerate(names))
    return classifier.float()


def open_classifier(path: Path) -> ClassificationModel:
    """The net of a ``.pt`` file, float32, in evaluation mode.

    Raises:
        CheckpointError: when there is no classifier in it, or it cannot be opened safely.
    """
    open_workshop()
    from ultralytics.nn.tasks import ClassificationModel

    stored = unpickle(path)
    net = (stored.get("ema") or stored.get("model")) if isinstance(stored, dict) else None
    if not isinstance(net, ClassificationModel):
        raise CheckpointError(f"{path} holds no classifier.", "Start a new run.")
    return net.float().eval()


def carry_backbone(classifier: ClassificationModel, net: DetectionModel) -> list[TensorFate]:
    """Put the classifier's backbone into ``net``, and account for every tensor of it.

    The neck and the head stay as they are, and nothing of the classifier's head comes over.
    """
    length = backbone_length(spec_of(net))
    for index in range(length):
        net.model[index].load_state_dict(classifier.model[index].state_dict())
    learned = {name: tuple(value.shape) for name, value in classifier.state_dict().items()}
    fates = []
    for name, value in net.state_dict().items():
        is_backbone = int(name.split(".")[1]) < length
        source, fate = (name, "pretrained") if is_backbone else (None, "kept")
        fates.append(TensorFate(name, tuple(value.shape), source, learned.get(source or ""), fate))
    return fates
