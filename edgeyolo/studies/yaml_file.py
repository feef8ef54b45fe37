"""A YAML file of keys, in which no key stands twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from edgeyolo.errors import UsageError


class _Loader(yaml.SafeLoader):
    """PyYAML takes the last of two equal keys, and the values of the first are lost unnoticed."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(
                None, None, f"{twice!r} stands there twice", node.start_mark
            )
        return super().construct_mapping(node, deep)


def read_keys(path: Path) -> dict[str, Any]:
    """What stands in the file.

    Raises:
        UsageError: when it is missing, no YAML (with the line), or holds no keys.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8-sig"), _Loader)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise UsageError(
            f"There is no study at {path}.", "Give the path of a study.yaml."
        ) from error
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise UsageError(f"{path} cannot be read: {reason}.", "Give another path.") from error
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        where = f" line {mark.line + 1}" if mark else ""
        why = f": {problem}" if problem else ""
        raise UsageError(f"{path}{where} is not valid YAML{why}.", "Mend it.") from error
    # Besides its own errors, PyYAML lets through those of int(), date() and deep nesting.
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise UsageError(f"{path} is not valid YAML.", "Mend it.") from error
    if not isinstance(values, dict):
        raise UsageError(f"{path} holds no keys.", "It needs at least grid.")
    return {str(key): value for key, value in values.items()}
