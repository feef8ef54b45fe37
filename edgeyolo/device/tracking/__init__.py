"""Which detection of one frame is which of the next."""
