"""The console in a real Chromium, as people use it; CONSOLE_PICTURES=1 writes the pictures of docs/console.md."""

import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from extauth.registry.server import RegistryServer
from extauth.store.usage_batch import MINUTE, UsageRow
from tests.registry.conftest import TOKEN, serve, settings_in
from tests.support.usage import batch

pytestmark = pytest.mark.slow

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
DAY = 1440 * MINUTE


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("there is no Chromium for the tests of the console: apt-get install -y chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    yield from serve(settings_in(tmp_path_factory.mktemp("browser")))


@pytest.fixture(scope="module")
def base(server: RegistryServer) -> str:
    return f"http://{server.http_address}"


@pytest.fixture(scope="module")
def keys(server: RegistryServer, base: str) -> list[str]:
    """Ids of some keys that were used for a month."""
    with httpx2.Client(base_url=base, headers={"authorization": f"Bearer {TOKEN}"}) as api:
        ids = make_keys(api)
    use_keys(server, ids)
    return ids


def make_keys(api: httpx2.Client) -> list[str]:
    limits = [{"name": "per-key", "rate": "1000/min", "burst": 2000}]
    api.post("/v1/plans", json={"name": "gold", "limits": limits})
    ids = []
    for number, name in enumerate(NAMES):
        body = {"name": name, "tenant": ("acme", "globex")[number % 2], "scopes": SCOPES[: number % 5]}
        more = {"plan": "gold" if number % 2 else "", "created_by": ("Ada", "Grace", "Linus")[number % 3]}
        expiry = {"expires_at": "2099-06-30T00:00:00Z"} if number % 3 else {}
        ids.append(api.post("/v1/keys", json=body | more | expiry).json()["id"])
    api.post(f"/v1/keys/{ids[2]}/revoke", json={"reason": "leaked in a log"})
    return ids


def use_keys(server: RegistryServer, ids: list[str]) -> None:
    now = int(time.time() * 1000) // MINUTE * MINUTE
    draw = random.Random(4)
    rows = [
        UsageRow(key_id, "acme", "orders", now - day * DAY, now - day * DAY, checks)
        for place, key_id in enumerate(ids[:5], 1)
        for day in range(30)
        for checks in [{"allowed": draw.randint(200, 2000) * place, "limited": draw.randint(0, 90), "denied": 3}]
    ]
    server.ledger.add([batch(1, *rows)])


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
    context.set_default_timeout(10_000)
    watched = Watched(context)
    yield watched
    context.close()
    assert watched.errors == []


@pytest.fixture
def window(browser: Browser, base: str, keys: list[str]) -> Iterator[Watched]:
    yield from open_window(browser, base)


@pytest.fixture
def dark(browser: Browser, base: str, keys: list[str]) -> Iterator[Watched]:
    yield from open_window(browser, base, color_scheme="dark")


@pytest.fixture
def phone(browser: Browser, base: str, keys: list[str]) -> Iterator[Watched]:
    yield from open_window(browser, base, viewport=PHONE, has_touch=True)


@pytest.fixture
def without_script(browser: Browser, base: str, keys: list[str]) -> Iterator[Watched]:
    yield from open_window(browser, base, java_script_enabled=False)


def sign_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Admin token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/console/keys")


def make_key(page: Page, name: str) -> str:
    """Its secret; the page that shows it stays open."""
    page.goto("/console/keys/new")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Tenant").fill("acme")
    page.get_by_role("button", name="Make key").click()
    return page.locator("#secret").input_value()


def picture(page: Page, name: str) -> None:
    """Taken always; kept for the documentation when CONSOLE_PICTURES is set, since no two are the same."""
    image = page.screenshot()
    assert image.startswith(b"\x89PNG")
    if os.environ.get("CONSOLE_PICTURES"):
        (IMAGES / f"console-{name}.png").write_bytes(image)


def test_from_signing_in_to_revoking(window: Watched) -> None:
    page = window.page
    sign_in(page)
    expect(page.get_by_role("row")).to_have_count(len(NAMES) + 1)
    picture(page, "keys")
    secret = make_key(page, "From the browser")
    assert secret.startswith("ea_")
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == secret
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_contain_text("From the browser")
    assert secret not in page.content()
    page.get_by_role("link", name="Rotate").click()
    page.get_by_label("The old key ends").select_option("after an hour")
    page.get_by_role("button", name="Rotate").click()
    assert page.locator("#secret").input_value() != secret
    page.get_by_role("link", name="I have it").click()
    page.get_by_role("link", name="Revoke").click()
    page.get_by_label("Type its name").fill("From the browser")
    page.get_by_role("button", name="Revoke for good").click()
    expect(page.get_by_role("status")).to_contain_text("The key is revoked")
    page.get_by_role("link", name="Audit").click()
    page.get_by_text("What changed").first.click()
    expect(page.get_by_role("listitem").first).to_contain_text("Revoked")
    picture(page, "audit")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/console/sign-in")


def test_leaving_without_the_secret_is_asked_about(window: Watched) -> None:
    page = window.page
    sign_in(page)
    make_key(page, "Left behind")
    page.locator("#secret").click()  # browsers ask only where something was done
    asked: list[str] = []

    def stay(dialog: object) -> None:
        asked.append(dialog.type)  # type: ignore[attr-defined]
        dialog.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", stay)
    page.get_by_role("link", name="extauth").click()
    expect(page.locator("#secret")).to_be_visible()
    assert asked == ["beforeunload"]
    page.get_by_role("link", name="I have it").click()
    page.wait_for_url("**/console/keys/*")
    assert asked == ["beforeunload"]


def test_by_keyboard_alone(window: Watched) -> None:
    page, keyboard = window.page, window.page.keyboard
    page.goto("/")
    expect(page.get_by_label("Admin token")).to_be_focused()
    keyboard.type(TOKEN)
    keyboard.press("Enter")
    page.wait_for_url("**/console/keys")
    expect(page.get_by_role("heading", level=1)).to_have_text("Keys")
    keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    keyboard.press("Enter")
    keyboard.press("Tab")
    new = page.get_by_role("link", name="New key")
    expect(new).to_be_focused()
    outline = new.evaluate("element => getComputedStyle(element).outlineStyle")
    assert outline == "solid"
    keyboard.press("Enter")
    page.wait_for_url("**/console/keys/new")
    expect(page.get_by_label("Name")).to_be_focused()
    keyboard.type("By keyboard")
    keyboard.press("Tab")
    keyboard.type("acme")
    keyboard.press("Enter")
    expect(page.locator("#secret")).to_be_focused()
    keyboard.press("Tab")
    expect(page.get_by_role("button", name="Copy")).to_be_focused()
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("By keyboard")


def test_in_the_dark(dark: Watched, keys: list[str]) -> None:
    page = dark.page
    sign_in(page)
    page.goto(f"/console/keys/{keys[1]}")
    brightness = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert max(brightness) < 40
    picture(page, "key-dark")


def test_at_phone_width_nothing_is_cut_off(phone: Watched, keys: list[str]) -> None:
    page = phone.page
    sign_in(page)
    paths = ["", "?text=nothing", "/new", *(f"/{keys[4]}{action}" for action in ("", "/rotate", "/revoke"))]
    for path in paths:
        page.goto(f"/console/keys{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
    page.goto("/console/audit")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.goto("/console/keys?sort=name")
    picture(page, "phone")
    make_key(page, "N" * 100)
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("link", name="I have it").click()
    expect(page.get_by_role("heading", name="About")).to_be_visible()
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_all_of_it_works_without_scripts(without_script: Watched) -> None:
    page = without_script.page
    sign_in(page)
    secret = make_key(page, "Without scripts")
    assert secret.startswith("ea_")
    expect(page.get_by_role("button", name="Copy")).to_be_hidden()
    page.get_by_role("link", name="I have it").click()
    page.get_by_role("link", name="Revoke").click()
    page.get_by_label("Type its name").fill("Without scripts")
    page.get_by_role("button", name="Revoke for good").click()
    expect(page.get_by_role("status")).to_contain_text("The key is revoked")
