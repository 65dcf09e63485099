"""A new policy, taken by the workers one by one."""

from extauth.serving.reload import RefusedError
from extauth.serving.workers.fleet import Fleet
from extauth.serving.workers.process import WorkerProcess
from extauth.telemetry.logs import logger

_log = logger(__name__)
_PATIENCE = 10.0  # seconds for one worker


def take_over(fleet: Fleet, text: str) -> None:
    """Have all workers take over the policy of a settings file that has been found good. Raises RefusedError.

    One worker takes it first; when that fails, nothing has changed for the others.
    """
    first = next(iter(fleet.living()), None)
    problem = _problem_of(first, text) if first is not None else None
    if problem is not None:
        raise RefusedError(problem)
    for process in fleet.start_with(text):
        if process is first:
            continue
        problem = _problem_of(process, text)
        if problem is not None and not process.ended.is_set():
            _log.error("worker_without_the_new_policy_is_killed", worker=process.worker, problem=problem)
            process.kill()  # the one after it begins with the new policy


def _problem_of(process: WorkerProcess, text: str) -> str | None:
    """None when the worker has taken the policy over."""
    reply = process.ask("policy", text=text).wait(_PATIENCE)
    problem: str | None = f"worker {process.worker} did not answer" if reply is None else reply["refused"]
    return problem
