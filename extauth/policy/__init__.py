"""The policy file: its schema, and compiling it to what a check needs."""
