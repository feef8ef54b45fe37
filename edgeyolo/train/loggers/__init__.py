"""Loggers: who is told of a training besides its own ``events.jsonl``.

``python -m edgeyolo.train.loggers FOLDER`` follows the events of a training's folder and feeds each
chosen logger in a process of its own, so that one which raises, hangs or has no network concerns
neither the others nor the training. A logger is one file here, with a class ``Logger`` as
:mod:`edgeyolo.train.loggers.logger` describes it, found by its name.
"""
