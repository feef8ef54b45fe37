"""``python -m edgeyolo``."""

from edgeyolo.cli.main import main

main()
