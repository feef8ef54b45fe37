"""Everything that runs on the board: numpy, OpenCV and one inference engine, never torch."""
