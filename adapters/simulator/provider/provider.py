"""The simulated provider as one object, without a socket."""

from adapters.simulator.provider.bodies import BodyWriter
from adapters.simulator.provider.books import Books
from adapters.simulator.provider.catalogue import Catalogue
from adapters.simulator.provider.codes import Codes
from adapters.simulator.provider.config import LiveConfig, SimulatorConfig
from adapters.simulator.provider.faults import Faults
from adapters.simulator.provider.journal import Journal
from adapters.simulator.provider.limits import Limiter
from adapters.simulator.provider.long_renting import LongRenting
from adapters.simulator.provider.numbers import Numbers
from adapters.simulator.provider.renting import OnCode, Renting
from adapters.simulator.provider.timeline import Timeline


class SimulatedProvider:
    """Builds and holds the parts; `reset` builds them again."""

    timeline: Timeline
    books: Books
    catalogue: Catalogue
    codes: Codes
    renting: Renting
    long_renting: LongRenting
    limiter: Limiter
    faults: Faults
    journal: Journal
    bodies: BodyWriter

    def __init__(self, config: SimulatorConfig, on_code: OnCode) -> None:
        self._config = config
        self._on_code = on_code
        self.live = LiveConfig(config)
        self.reset()

    def reset(self) -> None:
        """Restores the initial state, settings included."""
        config = self._config
        self.live.config = config
        self.timeline = Timeline(config.clock)
        self.books = Books(config.accounts, config.first_rental_id, config.first_long_rental_id)
        self.catalogue = Catalogue(config.price_list())
        self.codes = Codes(self.live, config.seed)
        self.limiter = Limiter(self.live)
        self.faults = Faults()
        self.journal = Journal(config.log_size)
        self.bodies = BodyWriter(self.live)
        self._start_renting()

    def _start_renting(self) -> None:
        numbers = Numbers()
        self.renting = Renting(
            self.live,
            self.books,
            self.catalogue,
            self.timeline,
            numbers,
            self.codes,
            self._on_code,
        )
        self.long_renting = LongRenting(self.live, self.books, self.timeline, numbers)
