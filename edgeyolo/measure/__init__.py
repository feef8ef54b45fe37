"""Latency in clean processes, accuracy with its interval, and the machine both were taken on."""
