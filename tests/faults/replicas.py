"""What a test does to the replicas that the nursery starts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import redis

from extauth.store.names import Names
from tests.faults.nursery import NAMESPACE
from tests.support.wait import wait_until


class Replicas:
    """Several processes, of which one leads at a time. `lease` and the `delay` of each write in seconds."""

    def __init__(
        self, database_url: str, redis_url: str, client: redis.Redis, log: Path, lease: float, delay: float
    ) -> None:
        self._client = client
        self._log = log
        self._leader_name = Names(NAMESPACE).leader
        with log.open("ab") as stream:
            command = [sys.executable, "-m", "tests.faults.nursery", database_url, redis_url, str(lease), str(delay)]
            self._nursery = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream)
        self.running: set[int] = set()

    def start(self) -> int:
        """Start one; its process id."""
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(b"\n")
        self._nursery.stdin.flush()
        process_id = int(self._nursery.stdout.readline())
        self.running.add(process_id)
        return process_id

    def kill(self, process_id: int) -> None:
        self.signal(process_id, signal.SIGKILL)
        self.running.discard(process_id)

    def signal(self, process_id: int, number: int) -> None:
        os.kill(process_id, number)

    def lease(self) -> tuple[int, int]:
        """The fencing number, and the process that took the lease last; zeros before the first one."""
        number, holder = self._client.hmget(self._leader_name, ["number", "holder"])
        return int(number or 0), int(holder or 0)

    def wait_for_successor(self, of_number: int) -> tuple[int, int]:
        """Until a replica that runs has the lease with a later number; the lease."""
        wait_until(lambda: self.lease()[0] > of_number and self.lease()[1] in self.running, seconds=30)
        return self.lease()

    def wait_for_log(self, text: str) -> None:
        wait_until(lambda: text in self._log.read_text(), seconds=30)

    def close(self) -> None:
        for process_id in list(self.running):
            self.kill(process_id)
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.close()
        self._nursery.stdout.close()
        self._nursery.wait(10)
