"""The `extauth` command. A group's module is imported when it is asked for, so that each command starts fast."""

from importlib import import_module
from importlib.metadata import version

import click
from click.shell_completion import CompletionItem

_COMMANDS = {
    "admin-tokens": "extauth.cli.admin_tokens:admin_tokens",
    "audit": "extauth.cli.audit:audit",
    "completion": "extauth.cli.completion:completion",
    "config": "extauth.cli.config:config",
    "demo": "extauth.cli.demo:demo",
    "envoy": "extauth.cli.envoy:envoy",
    "keys": "extauth.cli.keys:keys",
    "limits": "extauth.cli.limits:limits",
    "plans": "extauth.cli.plans:plans",
    "registry": "extauth.cli.registry:registry",
    "serve": "extauth.cli.serve:serve",
    "tenants": "extauth.cli.tenants:tenants",
    "tokens": "extauth.cli.tokens:tokens",
    "usage": "extauth.cli.usage:usage",
}
_EXTRAS = {"demo": "demo", "envoy": "envoy", "registry": "registry"}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(_COMMANDS)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names alone: a Tab imports none of the modules, some of which need extras."""
        names = [CompletionItem(name) for name in _COMMANDS if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        try:
            command = getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            if cmd_name not in _EXTRAS or (error.name or "").startswith("extauth"):
                raise
            raise click.ClickException(
                f"`extauth {cmd_name}` needs {error.name}: pip install 'extauth[{_EXTRAS[cmd_name]}]'"
            ) from error
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands)
@click.version_option(version("extauth"), prog_name="extauth")
def main() -> None:
    """API keys for Envoy: an ext_authz sidecar, a key registry, and the path between them."""
