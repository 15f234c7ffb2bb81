"""The connection to an API server: where it is, who we are, and plain requests in the language of Kubernetes."""
