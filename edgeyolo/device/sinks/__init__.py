"""Where frames and detections go; each kind in a file of its own."""
