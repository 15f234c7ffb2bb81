"""From bytes to handlers: reflector, queue, indexed store, delivery; the informer and the factory around them."""
