"""Somebody who makes keys through a registry's REST API without pause, revokes every second one, and keeps account."""

import http.client
import itertools
import json
import threading
import time
from typing import Any, Self

from tests.faults.check_watch import Told
from tests.faults.registry_process import TOKEN
from tests.support.wait import wait_until

_PAUSE = 0.05  # seconds
_PROBLEM = "application/problem+json"
NO_ANSWER, UNREACHABLE = "no answer", "unreachable"


class ChangeWatch:
    """A context: keys are made as long as it lasts. `patience` for one answer, in seconds."""

    def __init__(self, port: int, patience: float) -> None:
        self.told = Told()
        self.made: dict[str, str] = {}
        """The secrets of keys that were made and not revoked, by id."""
        self.revoked: list[str] = []
        """The secrets of those whose revocation was confirmed."""
        self.details: set[str] = set()
        """What the problems said."""
        self._port, self._patience = port, patience
        self._begun = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._error: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self.wait_for_answers()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        assert self._error is None, repr(self._error)

    def wait_for_answers(self) -> None:
        """Until a change that begins from now on has been answered."""
        until = self._begun + 1
        wait_until(lambda: len(self.told.seconds) >= until or self._error, 4 * self._patience)

    def _run(self) -> None:
        try:
            for number in itertools.count():
                if self._done.wait(_PAUSE):
                    return
                self._make(revokes=number % 2 == 1)
        except Exception as error:  # noqa: BLE001 (the test ends with it)
            self._error = error

    def _make(self, *, revokes: bool) -> None:
        made = self._ask("/v1/keys", {"name": "made meanwhile", "tenant": "acme"})
        if made is None:
            return
        if not revokes:
            self.made[made["id"]] = made["secret"]
        elif self._ask(f"/v1/keys/{made['id']}/revoke", {"reason": "of the test"}) is not None:
            self.revoked.append(made["secret"])

    def _ask(self, path: str, body: dict[str, str]) -> dict[str, Any] | None:
        """What was answered; None unless it was done."""
        self._begun += 1
        started = time.monotonic()
        outcome, found = self._exchange(path, body)
        self.told.note(outcome, time.monotonic() - started)
        return found

    def _exchange(self, path: str, body: dict[str, str]) -> tuple[str, dict[str, Any] | None]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._patience)
        try:
            headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
            connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            found: dict[str, Any] = json.loads(response.read())
        except TimeoutError:
            return NO_ANSWER, None
        except (OSError, http.client.HTTPException):
            return UNREACHABLE, None
        finally:
            connection.close()
        if response.status >= http.client.BAD_REQUEST:
            assert response.headers["content-type"] == _PROBLEM
            self.details.add(found["detail"])
            return str(response.status), None
        return str(response.status), found
