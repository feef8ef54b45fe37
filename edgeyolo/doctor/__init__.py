"""What is installed, what of it works on this machine, and what to do about the rest."""
