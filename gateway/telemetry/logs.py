"""Logging: records of structlog and the standard library in one pipeline to stderr."""

import logging
import re
import sys
from collections.abc import Iterable
from typing import Literal

from gateway.telemetry.redaction import Redactor
from gateway.telemetry.without import without

# They are for tracebacks and green threads that are not used here: five mebibytes.
with without("rich", "greenlet"):
    import structlog
    from structlog.typing import EventDict, Processor, WrappedLogger

Format = Literal["console", "json"]
Level = Literal["debug", "info", "warning", "error"]

_QUOTED = re.compile(r"[\s=\"']|[^\x20-\x7e]").search
UNREADABLE = "a request could not be read as HTTP"
CRASHED = "a request failed in the server library"
LEFT_OUT = "left out: it quotes what was sent"


def configure(format: Format, level: Level, secrets: Iterable[str] = ()) -> None:
    """Set up the process's log. `secrets`, and whatever looks like a key, are redacted."""
    number = logging.getLevelNamesMapping()[level.upper()]
    pipeline = _pipeline(format, Redactor(secrets))
    structlog.configure(
        processors=[structlog.stdlib.add_logger_name, structlog.stdlib.add_log_level, *pipeline],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_Lines,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, _StandardRecords)]:
        root.removeHandler(old)
    root.addHandler(_StandardRecords(pipeline))
    root.setLevel(number)
    _quiet_libraries()


def _pipeline(format: Format, redactor: Redactor) -> list[Processor]:
    """The processors of every record. Redaction comes after the traceback is formatted."""

    def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return redactor.fields(event)

    renderer: Processor = structlog.processors.JSONRenderer()
    if format == "console":
        renderer = _plain_line
        if sys.stderr.isatty():
            plain = structlog.dev.plain_traceback
            renderer = structlog.dev.ConsoleRenderer(exception_formatter=plain, sort_keys=False)
    return [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        _without_quotes,
        structlog.processors.format_exc_info,
        redact,
        renderer,
    ]


def _plain_line(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """The line that structlog writes for a terminal, without colours, in a third of the time."""
    at, level, name = event.pop("timestamp"), event.pop("level"), event.pop("logger")
    what, more = event.pop("event"), [event.pop(each, None) for each in ("exception", "stack")]
    fields = " ".join(
        f"{key}={value!r}" if isinstance(value, str) and _QUOTED(value) else f"{key}={value}"
        for key, value in event.items()
    )
    line = f"{at} [{level:<9}] {what!s:<30} [{name}] {fields}".rstrip()
    return "\n".join([line, *(text for text in more if text)])


class _Lines:
    """Writes rendered lines. Looks up sys.stderr each time, as it may be replaced."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")

    debug = info = warning = warn = error = critical = exception = fatal = failure = err = log = msg


class _StandardRecords(logging.Handler):
    """Passes records of the standard library through the pipeline."""

    def __init__(self, pipeline: list[Processor]) -> None:
        super().__init__()
        names: list[Processor] = [
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
        ]
        unwrap = structlog.stdlib.ProcessorFormatter.remove_processors_meta
        self.formatter = structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=names, processors=[unwrap, *pipeline], use_get_message=True
        )

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
        except Exception:
            # The library's own error report would contain the record's arguments unredacted.
            sys.stderr.write(f"a record of the logger {record.name} could not be written\n")


class _Unquoted(logging.Filter):
    """Removes bytes sent by callers from the records of aiohttp.server.

    For a request it cannot parse, message and traceback contain the invalid header, key included.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.exc_info:
            return True
        record.msg, record.args = CRASHED, ()
        if _quotes_request(record.exc_info[1]):
            record.msg, record.exc_info, record.exc_text = UNREADABLE, None, None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


def _without_quotes(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Drop tracebacks that contain bytes sent by a caller, wherever they are logged."""
    given = event.get("exc_info")
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException) and _quotes_request(error):
        event["exc_info"] = None
        event["exception"] = f"{type(error).__name__}, {LEFT_OUT}"
    return event


def _quotes_request(error: BaseException | None) -> bool:
    from aiohttp.http_exceptions import HttpProcessingError

    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, HttpProcessingError):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _quiet_libraries() -> None:
    server = logging.getLogger("aiohttp.server")
    if not any(isinstance(each, _Unquoted) for each in server.filters):
        server.addFilter(_Unquoted())
    # They log every step, session and request; sse_starlette responses with codes, too.
    for verbose in ("alembic", "mcp", "sse_starlette"):
        logging.getLogger(verbose).setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").disabled = True  # wire.edge writes the access log
