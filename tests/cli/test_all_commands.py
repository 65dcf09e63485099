"""What all commands have in common: exit codes, forms of output, completion in a shell."""

import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from extauth.cli.exit_codes import MEANINGS, ExitCode
from extauth.cli.main import main
from extauth.registry.server import RegistryServer

TOKEN = "the-admin-token-of-the-tests"
ROOT = Path(__file__).parents[2]
GENERATE = runpy.run_path(str(ROOT / "docs" / "generate.py"))
CONTEXTS = GENERATE["walk"](GENERATE["top_context"]())
COMMANDS: Mapping[str, click.Command] = {
    context.command_path: context.command for context in CONTEXTS if not isinstance(context.command, click.Group)
}
ASKING = [path for path, command in COMMANDS.items() if any(one.name == "registry" for one in command.params)]
"""Commands that ask a registry."""
VALUES = {
    "extauth keys canary": ["--url", "http://127.0.0.1:1/", "--tenant", "a"],
    "extauth keys import": ["{file}"],
    "extauth keys rotate-all": ["--pepper", "a", "--to", "{file}.new"],
    "extauth tokens revoke": ["--issuer", "a", "--jti", "b"],
}
"""Arguments, where a plain `a` for each that is required does not do."""


def invoke(path: str, folder: Path, *more: str, url: str = "http://127.0.0.1:1", token: str = TOKEN) -> Result:
    """A command with all that it requires."""
    file = folder / "keys.jsonl"
    file.write_text('{"name": "a", "secret": "of another system", "tenant": "acme"}\n')
    required = [word.format(file=file) for word in VALUES.get(path, _required(COMMANDS[path]))]
    environment = {"REGISTRY_URL": url, "REGISTRY_TOKEN": token}
    return CliRunner().invoke(main, [*path.split()[1:], *required, *more], env=environment)


def _required(command: click.Command) -> list[str]:
    words = []
    for parameter in command.params:
        if parameter.required:
            value = parameter.type.choices[0] if isinstance(parameter.type, click.Choice) else "a"
            words += [parameter.opts[0], value] if isinstance(parameter, click.Option) else [value]
    return words


@pytest.mark.parametrize("path", ASKING)
def test_a_registry_that_is_away(path: str, tmp_path: Path) -> None:
    result = invoke(path, tmp_path)
    assert (result.exit_code, "not reachable" in result.stderr) == (ExitCode.UNREACHABLE, True), result.output


@pytest.mark.parametrize("path", ASKING)
def test_a_token_that_is_not_valid(path: str, tmp_path: Path, server: RegistryServer) -> None:
    result = invoke(path, tmp_path, url=f"http://{server.http_address}", token="nobody-has-this-token")
    assert result.exit_code == ExitCode.REFUSED, result.output
    server._failures._forgiven_at.clear()  # so many refusals would be one too many guesses


@pytest.mark.parametrize("path", ASKING)
def test_wrong_usage(path: str, tmp_path: Path) -> None:
    assert invoke(path, tmp_path, "--no-such-option").exit_code == ExitCode.WRONG_USAGE
    assert invoke(path, tmp_path, token="").exit_code == ExitCode.WRONG_USAGE


def test_every_exit_code_has_a_meaning_and_is_documented() -> None:
    assert set(MEANINGS) == set(ExitCode)
    page = (ROOT / "docs" / "commands.md").read_text()
    assert all(f"| {code} | {meaning} |" in page for code, meaning in MEANINGS.items())


@pytest.mark.parametrize("path", ASKING)
def test_every_answer_may_be_yaml_or_json(path: str) -> None:
    options = {one.name: one.type for one in COMMANDS[path].params}
    if path in {"extauth keys export", "extauth keys rotate-all"}:  # they write files
        assert "output" not in options
    else:
        output = options["output"]
        assert isinstance(output, click.Choice)
        assert {"json", "yaml"} <= set(output.choices)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert (result.exit_code, "_EXTAUTH_COMPLETE" in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("extauth ke", {"keys"}),
        ("extauth keys im", {"import"}),
        ("extauth keys list --status act", {"active"}),
        ("extauth keys list --out", {"--output"}),
    ],
)
def test_bash_completes(words: str, expected: set[str]) -> None:
    """As bash does it: the words so far in, the candidates out."""
    count = str(len(words.split()) - 1)
    environment = {**os.environ, "COMP_WORDS": words, "COMP_CWORD": count, "_EXTAUTH_COMPLETE": "bash_complete"}
    program = str(Path(sys.executable).with_name("extauth"))
    done = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert {line.partition(",")[2] for line in done.stdout.splitlines()} == expected


def test_bash_takes_the_script() -> None:
    script = CliRunner().invoke(main, ["completion", "bash"]).stdout
    done = subprocess.run(
        ["bash", "-c", f"{script}\ncomplete -p extauth"], capture_output=True, text=True, timeout=60, check=True
    )
    assert "_extauth_completion" in done.stdout


def test_a_tab_imports_no_command() -> None:
    text = "import sys, click; from extauth.cli.main import main\n"
    text += "main.shell_complete(click.Context(main), ''); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=True)
    assert "extauth.cli.keys" not in done.stdout.split()
