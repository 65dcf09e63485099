"""What can go wrong with a demo, said so that a person can act on it."""


class DemoError(Exception):
    """The demo cannot start, or cannot go on."""
