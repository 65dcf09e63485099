"""Lines are written in their order by another thread, and none makes its writer wait."""

import logging
import threading

import pytest

from extauth.telemetry.background_log import BackgroundLog
from extauth.telemetry.logs import LogSettings, configure


@pytest.fixture(autouse=True)
def _logs(capfd: pytest.CaptureFixture[str]) -> None:
    configure(LogSettings(format="json"))


def test_lines_are_written_in_order_and_all_of_them_before_the_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = BackgroundLog("told", __name__)
    log.start()
    assert all(log.write({"number": number}) for number in range(100))
    log.stop(10)
    assert [record.msg["number"] for record in caplog.records] == list(range(100))  # type: ignore[index]


def test_a_log_that_nobody_reads_takes_no_more_than_it_can_keep() -> None:
    stuck, reader_is_back = threading.Event(), threading.Event()

    class Blocking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            stuck.set()
            assert reader_is_back.wait(10)

    handler = Blocking()
    logging.getLogger().addHandler(handler)
    try:
        log = BackgroundLog("told", __name__)
        log.start()
        log.write({"number": 0})
        assert stuck.wait(10)
        taken = sum(log.write({"number": number}) for number in range(5000))
        assert taken == 1000
        reader_is_back.set()
        log.stop(10)
        assert log.write({"number": -1})
    finally:
        reader_is_back.set()
        logging.getLogger().removeHandler(handler)
