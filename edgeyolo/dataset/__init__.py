"""Detection data in YOLO format: found, read, checked, and made for the demo."""
