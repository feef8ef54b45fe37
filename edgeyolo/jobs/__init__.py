"""Work in detached processes, and the events that it writes."""
