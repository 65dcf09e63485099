"""Running a script so that a Redis which forgot it is taught again."""

from collections.abc import Sequence
from typing import Any

import redis
from redis.exceptions import NoScriptError, ResponseError

from extauth.store.errors import is_demoted
from extauth.store.scripts import Script

Argument = str | bytes | int
Call = tuple[Sequence[str], Sequence[Argument]]
"""KEYS and ARGV."""


def run(client: redis.Redis, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:  # noqa: ANN401 (what a script returns)
    """Run a script once. Raises redis-py's errors."""
    return run_all(client, script, [(keys, arguments)])[0]


def run_all(client: redis.Redis, script: Script, calls: Sequence[Call]) -> list[Any]:
    """Run a script many times in one exchange, all of it again if Redis did not know the script.

    Raises redis-py's errors.
    """
    try:
        return _run_all(client, script, calls)
    except NoScriptError:
        client.script_load(script.text)
        return _run_all(client, script, calls)
    except ResponseError as error:
        if is_demoted(error) and isinstance(client, redis.Redis):
            client.connection_pool.disconnect()  # behind the same name there may be a new master
        raise


def _run_all(client: redis.Redis, script: Script, calls: Sequence[Call]) -> list[Any]:
    with client.pipeline(transaction=False) as pipeline:
        for keys, arguments in calls:
            # Not `evalsha`, which the pipeline of a Cluster refuses, although it knows which keys go where.
            pipeline.execute_command("EVALSHA", script.sha, len(keys), *keys, *arguments)  # type: ignore[no-untyped-call]
        return list(pipeline.execute())
