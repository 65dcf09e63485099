"""What is told to those whose checks are not made."""

import json
from collections.abc import Mapping

import pytest
from prometheus_client import CollectorRegistry
from pydantic import TypeAdapter, ValidationError

from extauth.check.shedding import Shed, Shedding
from extauth.policy.errors import Errors, ErrorTemplate
from extauth.telemetry.sidecar_metrics import SidecarMetrics
from tests.support.check_messages import Answer, check_request

PLAIN = check_request({"accept": "*/*"})
GRPC = check_request({"content-type": "application/grpc"}, raw=True)


def shedding(errors: Mapping[str, object] | None = None) -> tuple[Shedding, CollectorRegistry]:
    registry = CollectorRegistry()
    templates: dict[str, ErrorTemplate] = TypeAdapter(Errors).validate_python(errors or {})
    return Shedding(templates, SidecarMetrics(registry)), registry


def test_it_is_an_error_of_ours_and_not_a_denial() -> None:
    answer = Answer.parse(shedding()[0].answer(PLAIN, Shed.LATE))
    assert (answer.kind, answer.http_status) == ("error", 503)
    assert json.loads(answer.body)["error"] == "overloaded"


def test_a_grpc_call_gets_a_grpc_status() -> None:
    answer = Answer.parse(shedding()[0].answer(GRPC, Shed.LATE))
    assert (answer.headers["grpc-status"], answer.body) == ("14", "")


def test_bytes_that_are_no_request_are_answered_too() -> None:
    assert Answer.parse(shedding()[0].answer(b"\xff", Shed.FULL)).http_status == 503


def test_each_is_counted_by_its_cause() -> None:
    made, registry = shedding()
    for cause in (Shed.LATE, Shed.FULL, Shed.FULL):
        made.answer(PLAIN, cause)
    assert registry.get_sample_value("extauth_checks_total", {"api": "none", "reason": "overloaded"}) == 3
    assert registry.get_sample_value("extauth_checks_shed_total", {"cause": "late"}) == 1
    assert registry.get_sample_value("extauth_checks_shed_total", {"cause": "full"}) == 2


def test_a_template_may_say_it_in_other_words() -> None:
    made, _ = shedding({"overloaded": {"status": 504, "body": "{message} {path}|", "headers": {"retry-after": "1"}}})
    answer = Answer.parse(made.answer(PLAIN, Shed.LATE))
    assert (answer.http_status, answer.headers["retry-after"]) == (504, "1")
    assert answer.body == "Too many requests are being checked now. Try again. |"


def test_no_template_makes_it_the_callers_fault() -> None:
    with pytest.raises(ValidationError, match="would blame the caller"):
        shedding({"overloaded": {"status": 429}})
    answer = Answer.parse(shedding({"default": {"status": 400}})[0].answer(PLAIN, Shed.LATE))
    assert answer.http_status == 503
