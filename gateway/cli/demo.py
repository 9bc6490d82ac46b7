"""What `serve --simulate` prints: calls to paste into another terminal, in telling order."""

import json

import click

RENTAL = {"service_code": "whatsapp", "max_price": "1.00"}


def demo_text(url: str, key: str, first_rental: int) -> str:
    """The text, in colours; whoever prints it takes them off where there is no terminal."""
    curl = f"curl -sS -H 'X-API-Key: {key}'"
    as_json = f"-H 'Content-Type: application/json' -d '{json.dumps(RENTAL)}'"
    rental = f"{url}/v1/rentals/{first_rental}"
    steps = (
        ("What a number costs", f"{curl} '{url}/v1/prices?query=whatsapp'"),
        ("Rent one", f"{curl} {as_json} {url}/v1/rentals"),
        ("Wait for its code: some seconds", f"{curl} '{rental}/code?wait_seconds=20'"),
        ("Read the whole rental", f"{curl} {rental}"),
        ("Done with it", f"{curl} -X POST {rental}/complete"),
        ("What is left", f"{curl} {url}/v1/balance"),
    )
    lines = [
        "",
        f"{click.style('Getatext Gateway', bold=True)} on {click.style(url, fg='cyan', bold=True)}",
        "The provider is simulated: no real numbers, no real money. Paste in order:",
    ]
    for title, call in steps:
        lines += ["", click.style(f"# {title}", fg="bright_black"), click.style(call, fg="green")]
    return "\n".join([*lines, "", f"The API: {url}/openapi.yaml · Ctrl-C ends it.", ""])
