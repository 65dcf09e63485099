"""What processes use, as the kernel counts it."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

_STEAL = 7  # user, nice, system, idle, iowait, irq, softirq, steal


def cpu_seconds(processes: Iterable[int]) -> float:
    """User and system time of the processes, all threads, to the nanosecond (clock_getcpuclockid(3)).

    /proc/PID/stat has the same sum in steps of 10 ms, which is coarse for a few seconds of work.
    """
    return sum(time.clock_gettime(~process << 3 | 2) for process in processes)


def family(process: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found = [process]
    for member in found:  # grows while it is walked
        found += children.get(member, ())
    return found


def resident(process: int) -> int:
    """Bytes of memory that a process and its descendants have in use (VmRSS of proc_pid_status(5))."""
    statuses = [Path(f"/proc/{member}/status").read_text().splitlines() for member in family(process)]
    kilobytes = [line.split()[1] for status in statuses for line in status if line.startswith("VmRSS:")]
    return sum(map(int, kilobytes)) * 1024


def all_cpu_time() -> tuple[float, float]:
    """Of all CPUs since the start (proc_stat(5)): what the host gave to other guests, and everything."""
    line = Path("/proc/stat").read_text().split("\n", maxsplit=1)[0]
    ticks = [int(field) for field in line.split()[1:9]]
    return ticks[_STEAL], sum(ticks)


def machine() -> str:
    """CPU, cores and kernel in one line."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in info if line.startswith("model name")), "unknown CPU")
    return f"{os.cpu_count()} x {model}, Linux {os.uname().release.partition('-')[0]}"


def _parent(entry: Path) -> int | None:
    try:
        stat = (entry / "stat").read_text()
    except OSError:  # it has ended
        return None
    return int(stat.rpartition(")")[2].split()[1])
