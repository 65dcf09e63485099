"""SIGTERM stops a server whichever of its threads the kernel gives it to.

A busy machine does so by itself: a thread that is being made, for a probe perhaps, takes a signal of the whole process
before the main thread has woken up. Here it is sent to such a thread on purpose.
"""

import ctypes
import os
import signal
from pathlib import Path

import pytest

from tests.e2e.eventually import eventually
from tests.e2e.running import Running

_TGKILL = 234  # x86-64's number of the system call
_LIBC = ctypes.CDLL(None, use_errno=True)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="system calls have other numbers")
def test_a_signal_that_another_thread_gets(own_stack: Running) -> None:
    for name in ("sidecar", "registry"):
        child = own_stack.supervisor[name]
        threads = sorted(int(entry.name) for entry in Path(f"/proc/{child.process_id}/task").iterdir())
        assert _LIBC.syscall(_TGKILL, child.process_id, threads[-1], int(signal.SIGTERM)) == 0
        eventually(lambda child=child: child.ending is not None, 10)
        assert child.ending == "exit status 0"
