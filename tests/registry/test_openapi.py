"""The API does as its description says: Schemathesis makes requests from the description and judges the answers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from extauth.registry.server import RegistryServer
from extauth.registry.settings import RegistrySettings

LEFT_OUT = "positive_data_acceptance"
"""A JSON Schema does not tell all that is refused: times in the past, cursors that were not made here."""


def run(server: RegistryServer, token: str, folder: Path, *options: str) -> str:
    """The report of a run that found nothing."""
    command = [
        str(Path(sys.executable).with_name("st")),
        "run",
        f"http://{server.http_address}/openapi.json",
        f"--header=Authorization: Bearer {token}",
        f"--exclude-checks={LEFT_OUT}",
        "--generation-deterministic",
        "--no-color",
        "--warnings=off",
        *options,
    ]
    done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_examples_of_every_operation(server: RegistryServer, token: str, tmp_path: Path) -> None:
    report = run(server, token, tmp_path, "--phases=examples", "--max-examples=1")
    assert "Examples" in report


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_whatever_is_sent_no_answer_breaches_the_description(
    settings: RegistrySettings, database_url: str, token: str, tmp_path: Path
) -> None:
    server = RegistryServer(settings.model_copy(update={"database": database_url}), CollectorRegistry())
    server.start()
    try:
        report = run(server, token, tmp_path, "--phases=examples,coverage,fuzzing,stateful", "--max-examples=30")
    finally:
        server.stop()
    assert "Stateful" in report
