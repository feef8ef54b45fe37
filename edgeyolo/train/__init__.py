"""Retraining in a detached process that tells what it does in ``events.jsonl``."""
