"""From a specification to a small net that keeps what the wide one has learned."""
