"""Where frames come from; each kind in a file of its own."""
