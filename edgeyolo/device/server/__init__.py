"""A small web server for one board: the live picture, figures and health.

One thread serves them all, and takes at most a tenth of one core: the detector comes first.
"""
