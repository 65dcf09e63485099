"""SIGTERM and SIGINT for servers: the first one asks to stop, a second one ends the process at once.

Python runs a handler in the main thread only, which does not wake up when the kernel gives the signal to another one.
So a thread of its own reads signals from the descriptor that Python's C handler writes to, in whichever thread it runs.
"""

import os
import signal
import socket
import threading

_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
_KILLED = 128  # the shell's exit status for a signal is this and its number


def stop_requested() -> threading.Event:
    """Take over the signals, from the main thread; the event is set by the first of them."""
    stopping = threading.Event()
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    for number in _SIGNALS:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)

    def watch() -> None:
        while numbers := reader.recv(1):
            if numbers[0] in _SIGNALS:
                if stopping.is_set():
                    os._exit(_KILLED + numbers[0])
                stopping.set()

    threading.Thread(target=watch, name="signals", daemon=True).start()
    return stopping
