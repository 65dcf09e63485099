"""Writers of all that the registry publishes, and of usage, while the replicas die."""

import random
import threading
from collections.abc import Callable
from typing import Self

import redis
from prometheus_client import CollectorRegistry

from extauth.registry.database import Database
from extauth.registry.errors import ConflictError
from extauth.registry.key import IssuedKey, KeyUpdate, NewKey
from extauth.registry.metrics import RegistryMetrics
from extauth.registry.operations import KeyRegistry
from extauth.registry.token_operations import TokenRegistry
from extauth.registry.token_revocation import Tokens
from extauth.store.names import Names
from tests.support.keys import PEPPER
from tests.support.usage import batch

ACTOR = "load"
SIDECARS = [f"{number:016x}" for number in range(3)]


class Load:
    """Threads that write from `with` to its end, about `rate` operations a second each."""

    def __init__(self, database: Database, client: redis.Redis, names: Names, seed: int, rate: float = 60) -> None:
        metrics = RegistryMetrics(CollectorRegistry())
        self._keys = KeyRegistry(database, "test", [PEPPER], metrics)
        self._tokens = TokenRegistry(database, [PEPPER], metrics)
        self._client = client
        self._names = names
        self._random = random.Random(seed)
        self._pause = 1 / rate
        self._done = threading.Event()
        self._errors: list[Exception] = []
        self._threads = [threading.Thread(target=self._run, args=(act,)) for act in (self._change, self._use)]
        self.ids: list[str] = []
        self.digests: list[bytes] = []
        """Of keys, and of revoked subjects."""
        self.subjects: list[str] = []
        self.changes = 0
        self.batches = 0

    def create(self) -> None:
        new = NewKey(name="a key", tenant=f"t{self._random.randrange(5)}", created_by=ACTOR, scopes=("read",))
        self._made(self._keys.create(new, ACTOR))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()
        assert self._errors == []

    def _run(self, act: Callable[[], None]) -> None:
        while not self._done.wait(self._pause):
            try:
                act()
            except Exception as error:  # noqa: BLE001 (the test ends with it)
                self._errors.append(error)
                return

    def _change(self) -> None:
        self.changes += 1
        key_id = self._random.choice(self.ids)
        act = self._random.choice(
            (
                self.create,
                self._revoke_tokens,
                lambda: self._keys.revoke(key_id, "lost", ACTOR),
                lambda: self._keys.disable(key_id, ACTOR),
                lambda: self._keys.disable(key_id, ACTOR),
                lambda: self._keys.enable(key_id, ACTOR),
                lambda: self._keys.enable(key_id, ACTOR),
                lambda: self._keys.update(key_id, KeyUpdate(name=f"change {self.changes}"), ACTOR),
                lambda: self._rotate(key_id),
            )
        )
        try:
            act()
        except ConflictError:
            self.create()  # it was revoked

    def _rotate(self, key_id: str) -> None:
        self._made(self._keys.rotate(key_id, self._random.choice((0, 60)), ACTOR, ACTOR))

    def _made(self, issued: IssuedKey) -> None:
        self.ids.append(issued.key.id)
        self.digests.append(PEPPER.digest(issued.secret))

    def _revoke_tokens(self) -> None:
        """Of a subject, or lift a revocation."""
        if self.subjects and self._random.random() < 0.5:
            self._tokens.lift(self._random.choice(self.subjects), ACTOR)
            return
        subject = Tokens("issuer", "sub", str(self._random.randrange(20)))
        revoked = self._tokens.revoke_tokens(subject, "", None, ACTOR)
        if revoked.is_new:
            self.subjects.append(revoked.revocation.id)
            self.digests.append(PEPPER.digest(subject.mark))

    def _use(self) -> None:
        """One batch of one check from the next sidecar."""
        sequence, index = divmod(self.batches, len(SIDECARS))
        fields = dict(batch(sequence + 1, instance=SIDECARS[index]).to_fields())
        self._client.xadd(self._names.usage, fields)
        self.batches += 1
