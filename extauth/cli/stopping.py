"""Signals for servers: SIGTERM and SIGINT ask to stop, a second one ends the process at once; others call functions.

Python runs a handler in the main thread only, which does not wake up when the kernel gives the signal to another one.
So a thread of its own reads signals from the descriptor that Python's C handler writes to, in whichever thread it runs.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable

_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
_acts: dict[int, list[Callable[[], None]]] = {signal.SIGHUP: [], signal.SIGUSR2: []}
_KILLED = 128  # the shell's exit status for a signal is this and its number


def stop_requested() -> threading.Event:
    """Take over the signals, from the main thread; the event is set by the first of them."""
    stopping = threading.Event()
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    for number in (*_SIGNALS, *_acts):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)

    def watch() -> None:
        while numbers := reader.recv(1):
            if numbers[0] in _SIGNALS:
                if stopping.is_set():
                    os._exit(_KILLED + numbers[0])
                stopping.set()
            for act in _acts.get(numbers[0], ()):
                act()

    threading.Thread(target=watch, name="signals", daemon=True).start()
    return stopping


def on_signal(number: int, act: Callable[[], None]) -> None:
    """Call `act`, on the signals' own thread, at each SIGHUP or SIGUSR2 from now on."""
    _acts[number].append(act)
