"""The keys that callers take from: those that are alive, and some that have ended."""

import random
from collections import deque

from extauth.keys.token import generate
from tests.linearizability.key_history import KeyHistory

_ENDED = 150
_MADE_UP = 50


class PooledKey:
    """A key, its secret, and all that became of it."""

    def __init__(self, key_id: str, secret: str, history: KeyHistory) -> None:
        self.id = key_id
        self.secret = secret
        self.history = history


class KeyPool:
    """One thread changes it, the others choose."""

    def __init__(self) -> None:
        self.living: list[PooledKey] = []
        self.ended: deque[PooledKey] = deque(maxlen=_ENDED)
        self.made_up = [PooledKey("", str(generate("test")), KeyHistory()) for _ in range(_MADE_UP)]

    def end(self, key: PooledKey) -> None:
        """Nothing will be done with it any more, but callers go on trying it."""
        self.ended.append(key)
        self.living.remove(key)

    def choose(self, chance: random.Random) -> PooledKey:
        """Mostly one that is alive."""
        number = chance.random()
        if number < 0.05:
            return chance.choice(self.made_up)
        if number < 0.25 and (ended := list(self.ended)):
            return chance.choice(ended)
        return chance.choice(list(self.living))
