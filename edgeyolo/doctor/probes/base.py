"""Imports what edgeyolo never does without, and answers with the machine and its versions."""

import yaml  # noqa: F401

from edgeyolo.doctor.child import answer
from edgeyolo.measure.environment import environment  # brings numpy and psutil

answer(**environment())
