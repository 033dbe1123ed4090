"""Turns itself into the given command, bound to die with the supervisor that started it.

Run as a script (`python -I -S launch.py PARENT COMMAND…`) so that it costs milliseconds: a process
that outlives `kill -9` of its supervisor would hold the ports against the next start.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Ask the kernel for SIGKILL when `parent` ends, then become `command`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the kernel knew
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - becoming the command, without a shell, is the point


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
