"""Which loggers there are, and which of them are chosen. Imports none of them."""

from __future__ import annotations

import importlib.util
from difflib import get_close_matches

from edgeyolo.errors import MissingDependencyError, UsageError

# Name of the logger, of its extra and of the package that it imports → what that is called.
LOGGERS = {
    "tensorboard": "TensorBoard",
    "wandb": "Weights & Biases",
    "mlflow": "MLflow",
    "picsellia": "Picsellia's client",
}
NONE = "none"
_DEFAULT = "tensorboard"


def choose_loggers(text: str | None) -> str:
    """Read ``tensorboard,wandb`` or ``none``; without a text, TensorBoard where it is installed.

    The answer names each once, separated by commas, and is empty for none.

    Raises:
        UsageError: for a logger that there is none of.
        MissingDependencyError: for one whose package is not installed.
    """
    if text is None:
        return _DEFAULT if is_installed(_DEFAULT) else ""
    names = list(dict.fromkeys(text.replace(",", " ").lower().split()))
    if names == [NONE]:
        return ""
    if not names or NONE in names:
        raise UsageError(
            f"--log {text!r} names no logger."
            if not names
            else f"--log {text}: none stands alone.",
            f"Use {', '.join(LOGGERS)}, several separated by commas, or none.",
        )
    for name in names:
        _check(name)
    return ",".join(names)


def _check(name: str) -> None:
    if name not in LOGGERS:
        near = get_close_matches(name, [*LOGGERS, NONE], n=1, cutoff=0)[0]
        raise UsageError(f"There is no logger {name!r}.", f"The nearest is {near!r}.")
    if not is_installed(name):
        raise MissingDependencyError(LOGGERS[name], name)


def is_installed(name: str) -> bool:
    """Whether the package of a logger is there."""
    found = importlib.util.find_spec(name)
    # Without an origin it is no package, but a folder of that name, as W&B leaves them behind.
    return found is not None and found.origin is not None
