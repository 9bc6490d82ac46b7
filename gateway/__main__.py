"""Runs the command line: `python -m gateway` in the repository, by `getatext_gateway` installed."""

from gateway.cli.main import cli


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    cli(prog_name="getatext-gateway")


if __name__ == "__main__":
    main()
