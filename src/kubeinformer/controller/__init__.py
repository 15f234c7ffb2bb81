"""Keys in, reconcile out: controllers, leader election, events, finalizers and waits, built on informers and queues."""
