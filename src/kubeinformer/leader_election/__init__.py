"""Leader election by a Lease (coordination.k8s.io/v1): one of several replicas is at work, the others stand by."""
