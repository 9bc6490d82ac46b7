"""The command `wait`: stay until a rental has its code."""

import click

from gateway.cli.lazy import OK


@click.command()
@click.argument("rental_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def wait(rental_id: str, as_json: bool) -> None:
    """Wait until a rental has its code, or has ended; Ctrl-C offers to cancel it."""
    from gateway.cli.embedded import obtain
    from gateway.cli.verbs import VERBS
    from gateway.cli.waiting import wait_for
    from gateway.core.rentals import Rental
    from gateway.core.renting import GET_RENTAL

    status = next(verb for verb in VERBS if verb.operation == "get_rental")
    code, rental = obtain(status, GET_RENTAL, {"rental_id": rental_id}, as_json=as_json)
    if code != OK or not isinstance(rental, Rental):
        raise SystemExit(code)
    raise SystemExit(wait_for(rental, as_json=as_json))
