"""One small program for each thing that is tried: `python -m edgeyolo.doctor.probes.NAME`."""
