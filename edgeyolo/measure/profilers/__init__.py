"""One file for each engine that tells, or can be brought to tell, what its layers take."""
