"""Kubernetes informers for Python."""

from kubeinformer._version import __version__

__all__ = ["__version__"]
