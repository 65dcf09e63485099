"""Values that cannot be used are refused, with a message that names the field and what to do."""

import helm_python
import pytest

from tests.deploy.chart import Values, merged, render

_BESIDE = {"sidecar": {"placement": "envoy"}}
_POSTGRESQL = {"type": "postgresql", "postgresql": {"host": "db", "sslmode": "require"}}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image": {"repository": ""}}, "image.repository: say where your image is"),
        ({"peppers": []}, "peppers: name the Secret that holds the pepper"),
        ({"redis": {"url": ""}}, "redis.url: say where Redis is"),
        ({"redis": {"settings": {"cluster": {"nodes": ["redis:6379"]}}}}, "redis: it is in one place"),
        ({"apis": []}, "apis: name at least one API"),
        ({"sidecar": {"enabled": False}, "registry": {"enabled": False}}, "one of them must be true"),
        ({"sidecar": {"autoscaling": {"enabled": True, "minReplicas": 20}}}, "minReplicas is above maxReplicas"),
        ({"registry": {"replicas": 2}}, "registry.replicas: with SQLite there is one registry"),
        ({"registry": {"database": {"type": "postgresql"}}}, "registry.database.postgresql.host: say where"),
        (
            {"registry": {"database": merged(_POSTGRESQL, {"postgresql": {"sslmode": "verify-full"}})}},
            "registry.database.postgresql.ca: sslmode verify-full needs the CA",
        ),
        (
            merged(_BESIDE, {"sidecar": {"tls": {"secret": "tls"}}}),
            "sidecar.tls: between Envoy and a sidecar beside it",
        ),
        (merged(_BESIDE, {"sidecar": {"http": {"enabled": True}}}), "sidecar.http: is for sidecar.placement=shared"),
        (_BESIDE, "envoy.config: give Envoy's configuration"),
        (
            merged(_BESIDE, {"envoy": {"config": "unix:/run/other.sock"}}),
            "envoy.config: does not ask the sidecar at /run/extauth/extauth.sock",
        ),
        (
            merged(
                _BESIDE, {"sidecar": {"settings": {"workers": 2}}, "envoy": {"config": "/run/extauth/extauth-0.sock"}}
            ),
            "envoy.config: does not ask the sidecar at /run/extauth/extauth-1.sock",
        ),
    ],
)
def test_values_that_do_not_fit_together(values: Values, message: str) -> None:
    with pytest.raises(helm_python.HelmError, match="these values cannot be used") as refused:
        render(values)
    assert message in str(refused.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(helm_python.HelmError) as refused:
        render({"peppers": [], "apis": [], "redis": {"url": ""}, "registry": {"replicas": 2}})
    assert len(str(refused.value).splitlines()) == 5


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"sidcar": {}}, "sidcar"),
        ({"sidecar": {"replica": 2}}, "/sidecar"),
        ({"sidecar": {"placement": "daemonset"}}, "/sidecar/placement"),
        ({"sidecar": {"settings": {"listen": {"admin": "0.0.0.0:1"}}}}, "/sidecar/settings"),  # the chart decides that
        ({"sidecar": {"settings": {"redis": {}}}}, "/sidecar/settings"),
        ({"sidecar": {"settings": {"cache": {"sizes": 5}}}}, "/sidecar/settings/cache"),
        ({"sidecar": {"settings": {"workers": 0}}}, "/sidecar/settings/workers"),
        ({"registry": {"settings": {"database": "sqlite:///x"}}}, "/registry/settings"),
        ({"registry": {"settings": {"publish": {"leese": "2s"}}}}, "/registry/settings/publish"),
        ({"registry": {"database": {"type": "mysql"}}}, "/registry/database/type"),
        ({"registry": {"database": {"postgresql": {"password": "hunter2"}}}}, "/registry/database/postgresql/password"),
        ({"redis": {"url": "redis://:hunter2@redis:6379/0"}}, "/redis/url"),  # credentials are not for URLs
        ({"redis": {"password": "hunter2"}}, "/redis/password"),
        ({"peppers": [{"id": "p1", "value": "hunter2"}]}, "/peppers/0"),
        ({"apis": [{"name": "a", "credential": []}]}, "/apis/0"),
        ({"apis": [{"name": "a", "credentials": [{"header": "x"}], "limits": [{"name": "l"}]}]}, "/apis/0/limits/0"),
        ({"errors": {"invalid_key": {"code": 403}}}, "/errors"),
        ({"image": {"digest": "sha256:short"}}, "/image/digest"),
        ({"envoy": {"drainSeconds": 0}}, "/envoy/drainSeconds"),
    ],
)
def test_the_schema_refuses(values: Values, place: str) -> None:
    with pytest.raises(helm_python.HelmError) as refused:
        render(values)
    assert place in str(refused.value)
