"""What is wrong with a log, or with what was asked of it."""


class LogError(Exception):
    """A log that cannot be read any further, or not at all; the text says why."""


class BadLineError(Exception):
    """One line that tells of no arrival; the text says what it lacks."""
