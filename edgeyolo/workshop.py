"""The one door to torch and ultralytics; it keeps their import side effects out.

Importing ultralytics changes environment variables (``OMP_NUM_THREADS=1`` would slow down every
process started later), OpenCV's threads, print options and ``torch.save``, writes a settings
file into the user's home, looks up a host name and prints to stdout. The door sets the switches
that prevent what can be prevented and puts the rest back.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from edgeyolo.errors import MissingDependencyError
from edgeyolo.locations import cache_dir

_SWITCHES = {
    "YOLO_AUTOINSTALL": "false",  # never install packages at run time
    "YOLO_OFFLINE": "true",  # no host look-up, no analytics, no update check
    "YOLO_VERBOSE": "false",  # no banner on stdout
    "ULTRALYTICS_SKIP_REQUIREMENTS_CHECKS": "true",
    "ULTRALYTICS_SAFE_LOAD": "true",  # checkpoints are opened by an allow-list of classes
    "NNCF_CI": "1",  # no telemetry
}


def open_workshop() -> None:
    """Import torch and ultralytics quietly; call it before the first use of either.

    Raises:
        MissingDependencyError: when the workshop is not installed, as on a board.
    """
    if "ultralytics" in sys.modules:
        return
    for package in ("torch", "torchvision", "ultralytics"):
        if importlib.util.find_spec(package) is None:
            raise MissingDependencyError(package, "workshop")
    os.environ.update(_SWITCHES)
    os.environ.setdefault("YOLO_CONFIG_DIR", str(_private_folder("ultralytics")))
    os.environ.setdefault("MPLCONFIGDIR", str(_private_folder("matplotlib")))
    with _side_effects_undone():
        import ultralytics.utils

        ultralytics.utils.SETTINGS.update(
            sync=False, **dict.fromkeys(("clearml", "comet", "dvc", "mlflow", "raytune"), False)
        )
        logging.getLogger("ultralytics").setLevel(logging.ERROR)
    _forbid_downloads()


def _forbid_downloads() -> None:
    """Stop ultralytics from fetching an official net in the place of a missing or damaged file."""
    import ultralytics.utils.downloads

    def stay_here(file: object, *_: object, **__: object) -> str:
        return str(file)

    ultralytics.utils.downloads.attempt_download_asset = stay_here


def _private_folder(name: str) -> os.PathLike[str]:
    folder = cache_dir() / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _side_effects_undone() -> Iterator[None]:
    import cv2
    import numpy as np
    import torch

    environment = dict(os.environ)
    threads, save = cv2.getNumThreads(), torch.save
    with warnings.catch_warnings(), np.printoptions():
        yield
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)
    cv2.setNumThreads(threads)
    torch.save = save
    torch.set_printoptions(profile="default")  # type: ignore[no-untyped-call]
