"""The lease of publishing: one process at a time may write keys into Redis, and Redis refuses all others.

It is kept where it guards, in Redis (a hash: number, holder, ends), and goes by Redis' clock. Its number is the fence:
each time that the lease changes hands the number grows, it is written to every shard of the records before anything
else, and every script that writes compares it. So one who lost the lease without noticing changes nothing any more,
however late it wakes up. The end of the lease decides only when another one may take it.
"""

import redis

from extauth.store.errors import translated
from extauth.store.names import SHARDS, Names
from extauth.store.run_script import Argument, Call, run, run_all
from extauth.store.scripts import ADMIT, LEAD, RELEASE

LONGEST = 60.0  # seconds


class DeposedError(Exception):
    """Nothing was written: another publisher has the lease, or Redis lost it."""

    def __init__(self) -> None:
        super().__init__("another publisher has the lease, or Redis lost it")


class Leadership:
    """Of one process. `holder` is for people; `seconds` (LONGEST at most) it lasts unless it is renewed.

    Raises StoreUnavailableError.
    """

    def __init__(self, client: redis.Redis, names: Names, holder: str, seconds: float) -> None:
        self._client = client
        self._names = names
        self._holder = holder
        self.seconds = seconds
        self.number = 0
        """The fencing number, 0 while the lease is not ours."""

    def take(self) -> bool:
        """Take the lease, or renew it. False, and `number` is 0, while another one has it."""
        with translated():
            arguments: list[Argument] = [self.number, self._holder, round(self.seconds * 1000), round(LONGEST * 1000)]
            self.number = int(run(self._client, LEAD, [self._names.leader], arguments))
        return self.number > 0

    def admit(self) -> bool:
        """Raise the fence of every shard to our number. False when one had none: its records are lost, or never were.

        Raises DeposedError.
        """
        with translated():
            calls: list[Call] = [([self._names.fence(shard)], [self.number]) for shard in range(SHARDS)]
            found = run_all(self._client, ADMIT, calls)
        if -1 in found:
            raise DeposedError
        return 0 not in found

    def release(self) -> None:
        """Let another one take it at once."""
        number, self.number = self.number, 0
        with translated():
            run(self._client, RELEASE, [self._names.leader], [number])

    def close(self) -> None:
        self._client.close()
