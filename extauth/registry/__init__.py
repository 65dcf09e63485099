"""The system of record: keys are made, listed, rotated and revoked here. It never answers a Check."""
