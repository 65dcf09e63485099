"""The commands of docs/runbooks.md, run as they stand there."""
