"""What the exit code of a command tells, the same for all of them."""

from collections.abc import Mapping
from enum import IntEnum


class ExitCode(IntEnum):
    """Of all commands; click's own 2 among them."""

    DONE = 0
    REFUSED = 1
    WRONG_USAGE = 2
    UNREACHABLE = 3
    SOME_REFUSED = 4


MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.DONE: "Done.",
    ExitCode.REFUSED: "Refused by the registry; or faults were found in a file, as `lint` and `check` do; or Ctrl-C.",
    ExitCode.WRONG_USAGE: "An option or argument is wrong, or there is no admin token. Nothing was done.",
    ExitCode.UNREACHABLE: "The registry is not reachable, or at fault: it may or may not be done. Try again later.",
    ExitCode.SOME_REFUSED: "`keys import`: done, but for some rows that were refused.",
}
