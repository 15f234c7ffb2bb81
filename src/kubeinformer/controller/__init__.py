"""Keys in, reconcile out: controllers, finalizers and waits, built on informers and queues."""
