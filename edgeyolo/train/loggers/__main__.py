"""``python -m edgeyolo.train.loggers FOLDER`` feeds all loggers, with a NAME behind that one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from edgeyolo.errors import EdgeyoloError, ExitCode
from edgeyolo.train.loggers.feed import feed
from edgeyolo.train.loggers.supervise import supervise

_NICE = 10  # the training comes first


def main(folder: Path, names: list[str]) -> ExitCode:
    """Feed; the last line on stderr says what went wrong."""
    try:
        if names:
            feed(folder, names[0])
        else:
            if hasattr(os, "nice"):
                os.nice(_NICE)
            supervise(folder)
    except EdgeyoloError as error:
        sys.stderr.write(f"{error.message} {error.hint}\n")
        return error.exit_code
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
