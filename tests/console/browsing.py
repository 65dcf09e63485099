"""What the tests in a real Chromium have in common: a registry in use, windows, and steps that many of them take."""

import math
import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from extauth.registry.server import RegistryServer
from extauth.store.usage_batch import MINUTE, UsageRow
from extauth.telemetry.publisher_metrics import PublisherMetrics
from extauth.telemetry.usage_metrics import CollectorMetrics
from tests.registry.conftest import TOKEN
from tests.support.usage import batch

PATIENCE = 60_000
"""Milliseconds that a step may take on a busy machine. Each waits for what it needs, and for no time."""
expect.set_options(timeout=PATIENCE)

IMAGES = Path(__file__).parents[2] / "docs" / "images"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
NAMES = ("Billing import", "Checkout web", "Partner feed", "Mobile app", "Nightly report", "Support tools")
SCOPES = ("orders:read", "orders:write", "invoices:read", "users:read")
HOUR = 60 * MINUTE


def make_keys(api: httpx2.Client) -> list[str]:
    limits = [{"name": "per-key", "rate": "1000/min", "burst": 2000}]
    gold = {"name": "gold", "description": "For customers with a contract", "limits": limits, "scopes": ["orders:read"]}
    api.post("/v1/plans", json=gold)
    api.post("/v1/plans", json={"name": "trial", "limits": [{"name": "per-key", "rate": "10/min"}]})
    api.post("/v1/tenants", json={"id": "acme", "name": "Acme Inc.", "plan": "gold"})
    api.post(
        "/v1/tenants", json={"id": "globex", "name": "Globex", "limits": [{"name": "per-tenant", "rate": "500/s"}]}
    )
    api.post("/v1/tenants", json={"id": "initech", "name": "Initech", "plan": "trial"})
    api.post("/v1/tenants/initech/suspend", json={"reason": "unpaid since May"})
    ids = []
    for number, name in enumerate(NAMES):
        body = {"name": name, "tenant": ("acme", "globex")[number % 2], "scopes": SCOPES[: number % 5]}
        more = {"plan": "gold" if number % 2 else "", "created_by": ("Ada", "Grace", "Linus")[number % 3]}
        ends = datetime.now(UTC) + timedelta(days=number * 9)
        expiry = {"expires_at": ends.isoformat()} if number % 3 else {}
        ids.append(api.post("/v1/keys", json=body | more | expiry).json()["id"])
    api.post(f"/v1/keys/{ids[2]}/revoke", json={"reason": "leaked in a log"})
    return ids


def use_keys(server: RegistryServer, ids: list[str]) -> None:
    now = int(time.time() * 1000) // MINUTE * MINUTE
    draw = random.Random(4)
    rows = [
        UsageRow(key_id, ("acme", "globex")[(place + 1) % 2], "orders", now - hours * HOUR, now - hours * HOUR, checks)
        for place, key_id in enumerate(ids[:5], 1)
        for hours in range(0, 30 * 24, 2)
        for turns in [(now / HOUR - hours) / 24 * 2 * math.pi]
        for wave in [1 + 0.4 * math.sin(turns) + 0.35 * math.sin(turns / 7 + place)]
        for checks in [
            {
                "allowed": int(draw.randint(80, 160) * place * wave),
                "limited": draw.randint(0, 30) * (hours % 10 == 0),
                "denied:expired_key": 4 * (hours % 50 == 0),
                "denied:missing_scope": 2 * (hours % 30 == 0),
            }
        ]
    ]
    for number in range(0, len(rows), 600):
        server.ledger.add([batch(number + 1, *rows[number : number + 600])])


def tell_of_publisher(server: RegistryServer) -> None:
    """What the metrics of a registry that publishes say."""
    registry = server._metrics.registry
    publisher, collector = PublisherMetrics(registry), CollectorMetrics(registry)
    publisher.leading.set(1)
    publisher.last_reconcile.set(time.time() - 20)
    collector.waiting.set(0)


class Watched:
    """A window whose errors are told at the end."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.page = context.new_page()
        self.errors: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.errors.append(message.text)


def open_window(browser: Browser, base: str, **options: object) -> Iterator[Watched]:
    context = browser.new_context(base_url=base, **{"viewport": WIDE, **options})  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE)
    watched = Watched(context)
    yield watched
    context.close()
    assert watched.errors == []


def sign_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Admin token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/console/keys")


def make_key(page: Page, name: str) -> str:
    """Its secret; the page that shows it stays open."""
    page.goto("/console/keys/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Tenant", exact=True).fill("acme")
    page.get_by_role("button", name="Make key").click()
    return page.locator("#secret").input_value()


def picture(page: Page, name: str) -> None:
    """Taken always; kept for the documentation when CONSOLE_PICTURES is set, since no two are the same."""
    image = page.screenshot()
    assert image.startswith(b"\x89PNG")
    if os.environ.get("CONSOLE_PICTURES"):
        (IMAGES / f"console-{name}.png").write_bytes(image)
