"""`extauth demo`: Redis, registry, sidecar, Envoy and an upstream on one machine, and a first look at them."""
