"""Studies: a grid of nets and settings, trained in a queue and compared."""
