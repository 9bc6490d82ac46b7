"""`python -m adapters.simulator [port]`: runs the simulator alone, until interrupted."""

import asyncio
import sys

from adapters.simulator import Simulator, SimulatorConfig


async def _serve(port: int) -> None:
    async with Simulator(SimulatorConfig(port=port)).running() as sim:
        key = sim.config.accounts[0].key
        sys.stdout.write(f"{sim.url}  Auth: {key}  (control: {sim.url}/_control/books)\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(_serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
    except KeyboardInterrupt:
        sys.exit(0)
