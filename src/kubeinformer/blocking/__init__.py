"""The blocking face: hand-written fronts of the one engine, over a small portal."""
