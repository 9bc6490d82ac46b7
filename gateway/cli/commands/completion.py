"""The command `completion`: a script by which a shell completes commands, options and choices."""

import click

_ABOUT = """Print the script by which a shell completes this program's words.

\b
bash, in ~/.bashrc:  eval "$(getatext-gateway completion bash)"
zsh, in ~/.zshrc:    eval "$(getatext-gateway completion zsh)"
fish, once:          getatext-gateway completion fish \\
                       > ~/.config/fish/completions/getatext-gateway.fish
"""


@click.command(help=_ABOUT)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"], case_sensitive=False))
def completion(shell: str) -> None:
    """Print the script of one shell."""
    from click.shell_completion import get_completion_class

    from gateway.cli.main import cli

    name = cli.name or ""
    asked_by = f"_{name.replace('-', '_').upper()}_COMPLETE"
    script = get_completion_class(shell)
    assert script is not None  # noqa: S101 - the choices are those of the library
    click.echo(script(cli, {}, name, asked_by).source())
