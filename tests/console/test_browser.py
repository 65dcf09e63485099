"""The console in a real Chromium, as people use it; CONSOLE_PICTURES=1 writes the pictures of docs/console.md."""

import pytest
from playwright.sync_api import expect

from tests.console.browsing import NAMES, PHONE, Watched, make_key, picture, sign_in
from tests.registry.conftest import TOKEN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


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
    page.get_by_role("link", name="Audit", exact=True).click()
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
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    keyboard.type("By keyboard")
    keyboard.press("Tab")
    keyboard.type("acme")
    keyboard.press("Enter")
    expect(page.locator("#secret")).to_be_focused()
    expect(page.get_by_role("button", name="Copy")).to_be_visible()  # the script has run
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
    of_key = [f"keys/{keys[4]}{action}" for action in ("", "/edit", "/rotate", "/revoke")]
    of_tenant = [f"tenants/acme{action}" for action in ("", "/edit", "/suspend")]
    others = ["usage", "tenants", "new-tenant", "plans", "plans/gold", "plans/gold/edit", "new-plan", "audit"]
    health = ["health", "health/expiring", "health/unused"]
    for path in ("keys", "keys?text=nothing", "keys/new", *of_key, *of_tenant, *others, *health):
        page.goto(f"/console/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
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
    page.goto("/console/keys?text=without")
    expect(page.get_by_role("row")).to_have_count(2)
    page.goto("/console/usage")
    expect(page.locator("svg.bars")).to_be_visible()
    page.get_by_text("The numbers").click()
    expect(page.get_by_role("columnheader", name="From (UTC)")).to_be_visible()
