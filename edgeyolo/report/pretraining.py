"""How a backbone learned to classify before it learned to detect, for reading."""

from __future__ import annotations

from typing import Any


def pretraining_sentence(outcome: dict[str, Any]) -> str:
    """How often it is right on images that it did not learn from, and of how many."""
    top1 = outcome["top1"]
    low, high = top1["ci"]
    return (
        f"As a classifier it is right on {top1['value']:.0%} of the {top1['images']} images held "
        f"back [{low:.0%}, {high:.0%}], by which its best epoch was chosen."
    )
