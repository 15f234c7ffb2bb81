"""A real etcd and kube-apiserver: built or found, started, commanded, and gone for certain at the end."""

from kubeinformer.testing.control_plane.control_plane import ControlPlane

__all__ = ["ControlPlane"]
