"""Lines are written in their order by another thread, and none makes its writer wait."""

import logging
import threading
from collections.abc import Iterator

import pytest

from extauth.telemetry.background_log import BackgroundLog
from extauth.telemetry.logs import LogSettings, configure, logger


class Reader(logging.Handler):
    """Reads what is written, but not while it is held up."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, object]] = []
        self.stuck = threading.Event()
        self.reads_on = threading.Event()
        self.reads_on.set()

    def emit(self, record: logging.LogRecord) -> None:
        self.stuck.set()
        assert self.reads_on.wait(10)
        assert isinstance(record.msg, dict)
        self.lines.append(record.msg)

    def numbers(self) -> list[object]:
        return [line["number"] for line in self.lines if "number" in line]


@pytest.fixture
def reader(capfd: pytest.CaptureFixture[str]) -> Iterator[Reader]:
    configure(LogSettings(format="json"))
    found = Reader()
    logging.getLogger().addHandler(found)
    yield found
    found.reads_on.set()
    logging.getLogger().removeHandler(found)


@pytest.fixture
def log(reader: Reader) -> Iterator[BackgroundLog]:
    found = BackgroundLog()
    found.start()
    yield found
    reader.reads_on.set()
    found.stop(10)


def test_lines_are_written_in_order_and_all_of_them_before_the_end(log: BackgroundLog, reader: Reader) -> None:
    write = log.lines("told", __name__)
    for number in range(0, 100, 2):
        assert write({"number": number})
        logger(__name__).info("said", number=number + 1)
    log.stop(10)
    logger(__name__).info("said", number=100)
    assert reader.numbers() == list(range(101))
    assert {line["event"] for line in reader.lines} == {"told", "said"}


def test_a_log_that_nobody_reads_takes_no_more_than_it_can_keep(log: BackgroundLog, reader: Reader) -> None:
    write = log.lines("told", __name__)
    reader.reads_on.clear()
    write({"number": -1})
    assert reader.stuck.wait(10)
    assert sum(write({"number": number}) for number in range(5000)) == 1000
    for _ in range(7):
        logger(__name__).warning("said")
    reader.reads_on.set()
    log.stop(10)
    assert reader.numbers() == list(range(-1, 1000))
    assert [line["lines"] for line in reader.lines if line["event"] == "log_lines_dropped"] == [7]


def test_the_end_does_not_wait_for_a_reader(log: BackgroundLog, reader: Reader) -> None:
    reader.reads_on.clear()
    logger(__name__).warning("said", number=1)
    assert reader.stuck.wait(10)
    log.stop(0.01)
    logger(__name__).warning("said", number=2)  # which would hang if it were written
    assert reader.numbers() == []


def test_levels_of_writers_hold(log: BackgroundLog, reader: Reader) -> None:
    reader.setLevel(logging.ERROR)
    logger(__name__).warning("said", number=1)
    logger(__name__).error("said", number=2)
    log.stop(10)
    assert reader.numbers() == [2]


def test_who_flushes_waits_for_what_is_written(log: BackgroundLog, reader: Reader) -> None:
    del log
    for number in range(50):
        logger(__name__).info("said", number=number)
    _flush()
    assert reader.numbers() == list(range(50))
    reader.reads_on.clear()
    logger(__name__).info("said", number=50)
    _flush()  # which gives up
    assert reader.numbers() == list(range(50))


def _flush() -> None:
    for handler in logging.getLogger().handlers:
        handler.flush()
