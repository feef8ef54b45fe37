"""report.json and everything shown of it: pure functions of measured values."""
