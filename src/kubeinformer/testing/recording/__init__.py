"""What an informer receives, written to a file and served again: a bug report becomes a test."""

from kubeinformer.testing.recording.recorder import Recorder, record
from kubeinformer.testing.recording.replayer import Replayer, replay

__all__ = ["Recorder", "Replayer", "record", "replay"]
