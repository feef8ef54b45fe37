"""The sections of the page: each says what of report.json it shows."""
