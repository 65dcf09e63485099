"""`make limits-accuracy`: how near real and simulated replicas keep to a limit."""
