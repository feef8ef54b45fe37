"""Into report.json: what runs, searches, quantizations and benches have found."""
