"""The demo from its first line to its last."""

import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from extauth.demo.child import Service
from extauth.demo.credentials import MadeCredential, make_key, make_token
from extauth.demo.directory import claimed, clear, socket_directory
from extauth.demo.environment import variables, write_environment
from extauth.demo.layout import Layout
from extauth.demo.ports import Ports, refuse_taken
from extauth.demo.prometheus import refuse_missing, start_prometheus
from extauth.demo.proof import prove
from extauth.demo.scenario import Scenario
from extauth.demo.settings_files import write_settings
from extauth.demo.stack import start_stack
from extauth.demo.stop_signals import StopRequested, stop_signals
from extauth.demo.supervisor import Supervisor
from extauth.demo.token_issuer import token_issuer
from extauth.registry.client import Client


def run(scenario: Scenario, directory: Path, port_base: int, *, with_metrics: bool = False) -> None:
    """Run until a signal asks to stop; DemoError when it cannot start or a server dies.

    `with_metrics`: Prometheus too.
    """
    with stop_signals():
        try:
            _run(scenario, directory.absolute(), Ports.from_base(port_base), with_metrics=with_metrics)
        except StopRequested:
            _say("stopped")


def _run(scenario: Scenario, directory: Path, ports: Ports, *, with_metrics: bool) -> None:
    with ExitStack() as held:
        held.enter_context(claimed(directory))
        refuse_taken(ports)
        if with_metrics:
            refuse_missing()
        clear(directory)
        layout = Layout(directory, held.enter_context(socket_directory(directory)), ports)
        _say(f"extauth demo in {directory}, logs in {layout.log('*')}")
        write_settings(layout, scenario)
        supervisor = held.enter_context(Supervisor())
        started = time.monotonic()
        report = partial(_report, started)
        start_stack(layout, supervisor, report)
        metrics = start_prometheus(layout, supervisor, report) if with_metrics else ""
        _say(_introduction(scenario, layout, _make_environment(scenario, layout, supervisor), metrics))
        _say("ready")
        supervisor.watch()


def _make_environment(scenario: Scenario, layout: Layout, supervisor: Supervisor) -> Path:
    values = variables(layout, scenario, _make_credentials(scenario, layout))
    prove(supervisor, scenario.calls, values)
    write_environment(layout, values)
    return layout.environment


def _make_credentials(scenario: Scenario, layout: Layout) -> list[MadeCredential]:
    client = Client(layout.registry_url, layout.admin_token.read_text(encoding="utf-8").strip())
    keys = [make_key(client, key, scenario.key_scheme) for key in scenario.keys]
    issuer = token_issuer(layout)
    return keys if issuer is None else [*keys, *(make_token(issuer, token) for token in scenario.tokens)]


def _introduction(scenario: Scenario, layout: Layout, environment: Path, metrics: str) -> str:
    here = Path.cwd()
    shown = environment.relative_to(here) if environment.is_relative_to(here) else environment
    tries = (*(call.trial for call in scenario.calls), *scenario.trials)
    trials = [f"  # {trial.expected}: {trial.meaning}\n  {trial.command}\n" for trial in tries]
    heading = f"\nEnvoy is at {layout.envoy_url}. In another terminal:\n\n  . {shown}\n"
    console = f"The console is at {layout.registry_url}/console; sign in with $REGISTRY_TOKEN.\n"
    return "\n".join([heading, *trials, console, *([metrics] if metrics else []), "Ctrl-C stops all of it."])


def _report(started: float, service: Service) -> None:
    _say(f"  {service.name:<10} ready after {time.monotonic() - started:.1f} s")


def _say(text: str) -> None:
    print(text, flush=True)  # at once, for who reads it through a pipe
