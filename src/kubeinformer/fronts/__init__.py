"""What the two faces (blocking, aio) share: the way into the engine's loop, and all that does not wait."""
