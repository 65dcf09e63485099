"""What a supervisor and a worker say to each other: JSON objects, one a line, over a pair of sockets."""

import json
import socket
import threading
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]
_PATIENCE = 1.0  # seconds


class Control:
    """One end of the pair."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._lines = end.makefile("rb")
        self._sending = threading.Lock()

    def send(self, message: Message) -> bool:
        """From any thread; False when the other end is gone, or takes nothing in for so long that it will not."""
        return self.send_line(json.dumps(message).encode())

    def send_line(self, line: bytes) -> bool:
        """The same, for an object that is JSON already."""
        if not self._sending.acquire(timeout=_PATIENCE):
            return False
        try:
            self._socket.sendall(line + b"\n")
        except OSError:
            return False
        finally:
            self._sending.release()
        return True

    def receive(self) -> Message | None:
        """The next message, on one thread; None when the other end is gone."""
        try:
            line = self._lines.readline()
        except OSError:
            return None
        if not line.endswith(b"\n"):  # cut off in the middle
            return None
        message: Message = json.loads(line)
        return message

    def close(self) -> None:
        self._lines.close()
        self._socket.close()
