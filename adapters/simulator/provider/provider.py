"""The whole stand-in provider as one object: state and habits, without a socket."""

from adapters.simulator.provider.bodies import Shapes
from adapters.simulator.provider.books import Books
from adapters.simulator.provider.catalogue import Catalogue, generate
from adapters.simulator.provider.codes import Codes
from adapters.simulator.provider.config import InForce, SimulatorConfig
from adapters.simulator.provider.faults import Faults
from adapters.simulator.provider.journal import Journal
from adapters.simulator.provider.limits import Limiter
from adapters.simulator.provider.long_renting import LongRenting
from adapters.simulator.provider.numbers import Numbers
from adapters.simulator.provider.renting import OnCode, Renting
from adapters.simulator.provider.timeline import Timeline


class Provider:
    """Builds the parts and holds them; `reset` builds them anew."""

    timeline: Timeline
    books: Books
    catalogue: Catalogue
    codes: Codes
    renting: Renting
    long_renting: LongRenting
    limiter: Limiter
    faults: Faults
    journal: Journal
    shapes: Shapes

    def __init__(self, config: SimulatorConfig, on_code: OnCode) -> None:
        self._config = config
        self._on_code = on_code
        self.in_force = InForce(config)
        self.reset()

    def reset(self) -> None:
        """Everything as on the first day, settings included."""
        config = self._config
        self.in_force.config = config
        self.timeline = Timeline(config.clock)
        self.books = Books(config.accounts, config.first_rental_id)
        self.catalogue = Catalogue(generate(config.catalogue_size, config.seed))
        for service in config.services:
            self.catalogue.put(service)
        self.codes = Codes(self.in_force, config.seed)
        self.limiter = Limiter(self.in_force)
        self.faults = Faults()
        self.journal = Journal(config.log_size)
        self.shapes = Shapes(self.in_force)
        self._employ()

    def _employ(self) -> None:
        numbers = Numbers()
        self.renting = Renting(
            self.in_force,
            self.books,
            self.catalogue,
            self.timeline,
            numbers,
            self.codes,
            self._on_code,
        )
        self.long_renting = LongRenting(self.in_force, self.books, self.timeline, numbers)
