"""`python -m tests.cluster COMMAND ...`: run it in namespaces of its own, in which all that it starts ends with it."""

import subprocess
import sys

from tests.cluster.node import remove_cgroups

_NAMESPACES = ("--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")


def main() -> int:
    try:
        return subprocess.run(["unshare", *_NAMESPACES, *sys.argv[1:]], check=False).returncode
    finally:
        remove_cgroups()


if __name__ == "__main__":
    raise SystemExit(main())
