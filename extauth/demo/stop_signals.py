"""Ctrl-C, SIGTERM and a closed terminal all end the demo in the same way."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Raised in the main thread. Not an Exception, so that nothing on the way takes it for a failure."""


@contextmanager
def stop_signals() -> Iterator[None]:
    """Within, the first signal raises StopRequested and those after it are ignored: stopping takes its course.

    SIGINT is taken over even where a shell had it ignored for a background job.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise StopRequested

    hung_up = signal.getsignal(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    if hung_up is signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
