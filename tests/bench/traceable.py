"""`traceable.py ARGUMENTS...`: run extauth's command line in a process that may be looked into by others of its user.

Where the kernel is strict (kernel.yama.ptrace_scope = 1), a process may be traced by its ancestors alone unless it
says so itself.
"""

import ctypes
import runpy

_PR_SET_PTRACER = 0x59616D61  # linux/prctl.h
_ANY = ctypes.c_ulong(-1)


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANY, 0, 0, 0)  # refused, and not needed, by a kernel without Yama
    runpy.run_module("extauth", run_name="__main__", alter_sys=True)
