"""From the registry to Redis: what changed, at once; everything, when Redis has lost something."""
