"""Coverage-guided fuzzing of all that reads what others wrote: what is sent, what is configured, what is in Redis."""
