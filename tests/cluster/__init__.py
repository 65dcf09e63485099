"""A real cluster of one node, of real parts, in namespaces of this machine: docs/getting-started.md is tried on it."""
