"""`extauth completion`: the script by which a shell completes commands, options and their choices."""

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_EXTAUTH_COMPLETE"
"""By which the script asks this program; click's name for a program called extauth."""


_HELP = """Print the script that lets a shell complete commands and options.

\b
bash:  echo 'eval "$(extauth completion bash)"' >> ~/.bashrc
zsh:   echo 'eval "$(extauth completion zsh)"' >> ~/.zshrc
fish:  extauth completion fish > ~/.config/fish/completions/extauth.fish
"""


@click.command(help=_HELP)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(context.find_root().command, {}, "extauth", _VARIABLE).source())
