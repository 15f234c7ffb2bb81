"""The queue of keys in front of a controller's workers: dedup, delays, back-off, priorities."""
