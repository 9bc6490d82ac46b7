"""The command line's entrance: `python -m gateway`, or `getatext-gateway`."""

from gateway.cli.main import cli


def main() -> None:
    """Run the command that the arguments name, and exit as it says."""
    cli(prog_name="getatext-gateway")


if __name__ == "__main__":
    main()
