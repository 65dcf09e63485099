"""The main choices that the chart offers, and all of their combinations."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from tests.deploy.chart import Values, merged

_SENTINEL = "/run/secrets/extauth/sentinel-password"
_DIGEST = "sha256:" + "0123456789abcdef" * 4
_PLACEMENT = {"nodeSelector": {"disk": "ssd"}, "tolerations": [{"operator": "Exists"}], "priorityClassName": "high"}
_POD = {**_PLACEMENT, "podLabels": {"team": "api"}, "podAnnotations": {"a/b": "c"}, "affinity": {"podAntiAffinity": {}}}
_SSO = {
    "name": "sso",
    "url": "https://sso.example.com/introspect",
    "client_id": "extauth",
    "client_secret": {"file": "/run/secrets/extauth/sso-client-secret"},
}


def _envoy(*sockets: str) -> dict[str, Any]:
    return {"config": "".join(f"# unix:/run/extauth/{name}.sock\n" for name in sockets)}


_EVERYTHING: Values = {
    "image": {"digest": _DIGEST},
    "imagePullSecrets": [{"name": "pull"}],
    "errors": {"invalid_key": {"status": 403}},
    "sidecar": {
        **_POD,
        "keyPrefixes": ["acme"],
        "settings": {
            "bearer": {"introspection": [_SSO]},
            "cache": {"size": 2_000_000},
            "check": {"max_message_size": 1_048_577},
            "shutdown": {"delay": "1500ms", "grace": "1m"},
            "transport": "lean",
        },
        "secrets": [{"secret": "sso", "key": "client-secret", "path": "sso-client-secret"}],
        "service": {"annotations": {"a": "b"}},
    },
    "envoy": {"service": {"type": "LoadBalancer", "port": 8443, "annotations": {"a": "b"}}},
    "registry": {
        **_POD,
        "keyPrefix": "acme",
        "adminToken": {"secret": "extauth-owner", "key": "token"},
        "settings": {"usage": {"retention": {"days": "400d"}}, "trusted_proxies": ["10.0.0.0/8"]},
    },
    "serviceAccount": {"annotations": {"a": "b"}},
    "networkPolicy": {"egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}]},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "dashboards": {"enabled": True, "annotations": {"grafana_folder": "extauth"}},
}
_BARE: Values = {
    "sidecar": {"podDisruptionBudget": {"enabled": False}, "topologySpread": False},
    "registry": {"podDisruptionBudget": {"enabled": False}, "topologySpread": False},
    "serviceAccount": {"create": False},
    "networkPolicy": {"enabled": False},
}
_POSTGRESQL = {"host": "db.example.com", "password": {"secret": "db"}}

AXES: Mapping[str, Mapping[str, Values]] = {
    "components": {
        "both": {},
        "sidecar-only": {"registry": {"enabled": False}},
        "registry-only": {"sidecar": {"enabled": False}, "apis": []},
    },
    "placement": {
        "shared": {},
        "shared-tls": {
            "sidecar": {
                "tls": {"secret": "sidecar-tls", "clientCertificates": True},
                "envoySecrets": [{"secret": "envoy", "key": "new"}, {"secret": "envoy", "key": "old"}],
                "http": {"enabled": True, "original": "x-original"},
            },
            "registry": {"tls": {"secret": "registry-tls"}},
        },
        "envoy": {"sidecar": {"placement": "envoy"}, "envoy": _envoy("extauth")},
        "envoy-workers": {
            "sidecar": {
                "placement": "envoy",
                "settings": {"workers": 2},
                "envoySecrets": [{"secret": "envoy", "key": "secret"}],
            },
            "envoy": _envoy("extauth-0", "extauth-1"),
        },
    },
    "scaling": {"fixed": {}, "autoscaled": {"sidecar": {"autoscaling": {"enabled": True, "maxReplicas": 30}}}},
    "database": {
        "sqlite": {},
        "claim": {"registry": {"database": {"sqlite": {"existingClaim": "kept"}}}},
        "postgresql": {
            "registry": {"database": {"type": "postgresql", "postgresql": {**_POSTGRESQL, "sslmode": "require"}}}
        },
        "replicas": {
            "registry": {
                "replicas": 3,
                "database": {"type": "postgresql", "postgresql": {**_POSTGRESQL, "ca": {"configMap": "db-ca"}}},
            }
        },
    },
    "redis": {
        "plain": {},
        "tls": {
            "redis": {
                "url": "rediss://redis.example.com:6380/2",
                "username": "extauth",
                "settings": {"namespace": "eu"},
                "password": {"secret": "redis"},
                "ca": {"configMap": "redis-ca"},
            }
        },
        "cluster": {"redis": {"url": "", "settings": {"cluster": {"nodes": ["redis-0:7000", "redis-1:7001"]}}}},
        "sentinel": {
            "redis": {
                "url": "",
                "settings": {
                    "sentinel": {"service": "main", "nodes": ["redis:26379"], "password": {"file": _SENTINEL}}
                },
                "secrets": [{"secret": "redis", "key": "sentinel", "path": "sentinel-password"}],
            }
        },
    },
    "extras": {"none": {}, "bare": _BARE, "everything": _EVERYTHING},
}


def combinations() -> Iterator[tuple[str, Values]]:
    """A name for each, and its values."""
    for choice in product(*(axis.items() for axis in AXES.values())):
        yield " ".join(name for name, _ in choice), merged(*(values for _, values in choice))
