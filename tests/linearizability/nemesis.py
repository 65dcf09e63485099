"""Whoever wishes us ill: chooses by chance what goes wrong, for how long, and writes down when.

Each trouble is a context in which something is out of order, and yields its entry in the calendar.
"""

import asyncio
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from tests.linearizability.scene import PATIENCE, Scene, Sidecar
from tests.linearizability.troubles import Trouble

_CALM = (0.5, 3.0, 9.0, 12.0)
"""Seconds between troubles, one of these: the long ones are when the promise holds, the short ones are unkind."""
_LASTS = (0.3, 4.0)
_LATE = 0.3

Wrong = Callable[[], AbstractContextManager[None]]


class Nemesis:
    """`troubles` grows while it is at work. It starts processes, so it must live on the main thread."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self._scene = scene
        self._chance = random.Random(seed)
        self._saved_at: float | None = None
        self.troubles: list[Trouble] = []

    def run(self, seconds: float) -> None:
        """One trouble after another, sometimes two together. What it has done is over when it returns.

        Time that servers take to come back is not counted, so that a seed means the same on every machine.
        """
        spent = 0.0
        while spent < seconds:
            calm, lasts = min(seconds - spent, self._chance.choice(_CALM)), self._chance.uniform(*_LASTS)
            time.sleep(calm)
            if self._chance.random() < 0.5:
                self._save()
            count = self._chance.choices((1, 2), (3, 1))[0]
            with ExitStack() as together:
                kinds = self._kinds()
                for number in sorted(self._chance.sample(range(len(kinds)), count)):
                    together.enter_context(kinds[number]())
                time.sleep(lasts)
            spent += calm + lasts

    def _kinds(self) -> list[Wrong]:
        """One for each part that can suffer, so that two of them do not meet in one part.

        Processes first: they are waited for last, when Redis is there again.
        """
        chance, sidecar = self._chance, self._chance.choice(self._scene.sidecars)
        link = chance.choice((self._black_hole, self._refused, self._reset, self._late))
        process = chance.choice((self._sidecar_stopped, self._sidecar_killed))
        return [
            chance.choice((self._publisher_stopped, self._publisher_killed)),
            lambda: process(chance.choice(self._scene.sidecars)),
            chance.choice((self._redis_stopped, self._redis_restarted)),
            lambda: link(sidecar),
        ]

    @contextmanager
    def _trouble(self, name: str, sidecar: Sidecar | None = None) -> Iterator[list[Trouble]]:
        places = [None] if sidecar is None else sidecar.places
        made = [Trouble(name, time.monotonic(), place) for place in places]
        self.troubles += made
        yield made
        for one in made:
            one.ended = time.monotonic()

    @contextmanager
    def _redis_stopped(self) -> Iterator[None]:
        with self._trouble("Redis stopped"):
            self._scene.redis.signal(signal.SIGSTOP)
            yield
            self._scene.redis.signal(signal.SIGCONT)

    @contextmanager
    def _redis_restarted(self) -> Iterator[None]:
        """It comes back as it was (append-only file), as it was a while ago (dump), or empty."""
        forgets = not self._scene.keeps
        is_old = forgets and self._saved_at is not None and self._chance.random() < 0.6
        name = ("Redis rolled back" if is_old else "Redis restarted empty") if forgets else "Redis restarted"
        with self._trouble(name) as (trouble,):
            if is_old and self._saved_at is not None:
                trouble.forgotten_since = self._saved_at
            self._scene.redis.kill()
            if forgets and not is_old:
                self._scene.empty_redis()
                self._saved_at = None
            if self._chance.random() < 0.5:  # back before anybody has noticed
                self._scene.redis.start()
                yield
            else:
                yield
                self._scene.redis.start()

    @contextmanager
    def _publisher_stopped(self) -> Iterator[None]:
        with self._trouble("registry stopped"):
            self._scene.signal(self._scene.registry.name, signal.SIGSTOP)
            yield
            self._scene.signal(self._scene.registry.name, signal.SIGCONT)

    @contextmanager
    def _publisher_killed(self) -> Iterator[None]:
        with self._trouble("registry killed"):
            self._scene.restart(self._scene.registry)
            yield
            self._scene.supervisor.wait_until_ready(self._scene.registry, PATIENCE)

    @contextmanager
    def _sidecar_stopped(self, sidecar: Sidecar) -> Iterator[None]:
        with self._trouble(f"{sidecar.service.name} stopped", sidecar):
            self._scene.signal(sidecar.service.name, signal.SIGSTOP)
            yield
            self._scene.signal(sidecar.service.name, signal.SIGCONT)

    @contextmanager
    def _sidecar_killed(self, sidecar: Sidecar) -> Iterator[None]:
        with self._trouble(f"{sidecar.service.name} killed", sidecar):
            self._scene.supervisor[sidecar.service.name].kill()
            sidecar.run += 1
            self._scene.restart(sidecar.service)
            yield
            self._scene.supervisor.wait_until_ready(sidecar.service, PATIENCE)

    @contextmanager
    def _link(self, sidecar: Sidecar, name: str, wrong: AbstractContextManager[None]) -> Iterator[None]:
        with self._trouble(f"link of {sidecar.service.name} {name}", sidecar), wrong:
            yield

    def _black_hole(self, sidecar: Sidecar) -> AbstractContextManager[None]:
        return self._link(sidecar, "is a black hole", sidecar.proxy.black_hole())

    def _refused(self, sidecar: Sidecar) -> AbstractContextManager[None]:
        return self._link(sidecar, "refuses", sidecar.proxy.refusing())

    def _reset(self, sidecar: Sidecar) -> AbstractContextManager[None]:
        return self._link(sidecar, "resets", sidecar.proxy.resetting())

    def _late(self, sidecar: Sidecar) -> AbstractContextManager[None]:
        return self._link(sidecar, "is late", sidecar.proxy.answering(_late_answer))

    def _save(self) -> None:
        """What a rolled back Redis comes back with."""
        now = time.monotonic()
        with self._scene.redis.client() as client:
            client.save()
        self._saved_at = now


async def _late_answer(data: bytes) -> tuple[bytes, bool]:
    await asyncio.sleep(_LATE)
    return data, True
