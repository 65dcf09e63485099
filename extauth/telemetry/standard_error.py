"""Standard error without a buffer, and so without the buffer's lock: a thread that hangs while it writes would hold it,
and Python ends with a fatal error when it finds the lock taken in the end.
"""

import os
import sys
from pathlib import Path
from typing import TextIO


class _Unbuffered:
    def write(self, text: str) -> int:
        data = text.encode("utf-8", errors="backslashreplace")
        while data:
            data = data[os.write(2, data) :]
        return len(text)

    def flush(self) -> None:
        """Nothing is kept."""


def standard_error() -> "TextIO | _Unbuffered":
    """What to write lines to; what somebody has put in the place of `sys.stderr`, if so."""
    if sys.stderr is None:  # closed before this began: by now its number may be that of any other file
        return Path(os.devnull).open("w", encoding="utf-8")
    return _Unbuffered() if sys.stderr is sys.__stderr__ else sys.stderr
