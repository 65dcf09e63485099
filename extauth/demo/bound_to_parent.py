"""`python -m extauth.demo.bound_to_parent PARENT_PID COMMAND...`: become a command that dies with its parent.

The kernel kills it when the parent ends, whatever ends the parent. Linux only.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: Sequence[str]) -> None:
    """Replace this process by the command; return only when there is nothing to be bound to."""
    parent, *command = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() == int(parent):  # otherwise it ended before the kernel was asked
        os.execv(command[0], command)  # noqa: S606 (the command is the demo's own)


if __name__ == "__main__":
    main(sys.argv[1:])
