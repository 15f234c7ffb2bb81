"""Events that people see (events.k8s.io/v1): recorded without waiting, folded into series, written in the background."""
