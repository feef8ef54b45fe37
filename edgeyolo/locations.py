"""The only file that knows where things live outside the working folder (XDG base directories)."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).parent


def cache_dir() -> Path:
    """Downloaded weights, demo data and other things that can be made again."""
    return _xdg("EDGEYOLO_CACHE_DIR", "XDG_CACHE_HOME", ".cache")


def config_file() -> Path:
    """The user's own settings, below those of the working folder."""
    return _config_dir() / "config.toml"


def own_profiles() -> Path:
    """Folder of boards that the user has described."""
    return _config_dir() / "profiles"


def shipped(folder: str) -> Path | None:
    """Find a folder of the project: inside an installed wheel as ``_folder``, else in a checkout.

    Returns ``None`` where the folder is not shipped (``assets/`` is not in the wheel).
    """
    for candidate in (_PACKAGE / f"_{folder}", _PACKAGE.parent / folder):
        if candidate.is_dir() and (candidate.parent == _PACKAGE or _is_checkout()):
            return candidate
    return None


def _config_dir() -> Path:
    return _xdg("EDGEYOLO_CONFIG_DIR", "XDG_CONFIG_HOME", ".config")


def _is_checkout() -> bool:
    return (_PACKAGE.parent / "pyproject.toml").is_file()


def _xdg(own: str, variable: str, fallback: str) -> Path:
    if explicit := os.environ.get(own):
        return Path(explicit)
    base = os.environ.get(variable)
    return Path(base if base else Path.home() / fallback) / "edgeyolo"
