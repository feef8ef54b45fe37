"""The main job: the rooms in the order in which the data flows through them."""
