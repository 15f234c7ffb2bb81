"""A Kubernetes API server in memory, over real HTTP.

From the bottom up: documents and their JSON, the storage with its history, the rules of each verb, watches, HTTP.
"""

from kubeinformer.testing.api_server.server import APIServer

__all__ = ["APIServer"]
