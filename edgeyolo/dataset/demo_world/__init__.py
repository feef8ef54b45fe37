"""The world of the demo set: its signs, the places they stand in, and the camera that sees them.

Data flows one way: arrays, colors, noise -> font, canvas -> signs, lookalikes -> sprites ->
perspective, layers -> compositing -> picture and clip.
"""
