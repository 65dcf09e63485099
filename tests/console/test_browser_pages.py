"""What scripts add to the pages, in a real Chromium: parts of pages that change by themselves, and charts."""

import pytest
from playwright.sync_api import Page, expect

from extauth.registry.server import RegistryServer
from tests.console.browsing import NAMES, Watched, picture, sign_in
from tests.support.usage import batch, row

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def mark(page: Page) -> None:
    """Leave something in the page that is gone when it is loaded anew."""
    page.evaluate("window.isStillHere = true")


def is_still_here(page: Page) -> bool:
    return bool(page.evaluate("window.isStillHere === true"))


def test_keys_are_found_while_one_types(window: Watched) -> None:
    page = window.page
    sign_in(page)
    mark(page)
    search = page.get_by_label("Search")
    search.press_sequentially("bill")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("link", name="Billing import")).to_be_visible()
    expect(page.get_by_role("log")).to_have_text("1 found")
    expect(search).to_be_focused()
    page.wait_for_url("**/console/keys?*text=bill*")
    page.get_by_label("State").select_option("revoked")
    expect(page.get_by_role("heading", name="No key is like that")).to_be_visible()
    assert is_still_here(page)
    page.get_by_role("link", name="Clear").click()
    expect(page.get_by_role("link", name="Nightly report")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="No key is like that")).to_be_visible()


def test_a_list_is_sorted_in_its_place(window: Watched) -> None:
    page = window.page
    sign_in(page)
    mark(page)
    by_name = page.locator("#sort-name")
    by_name.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "ascending")
    expect(by_name).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "descending")
    names = page.get_by_role("rowheader").get_by_role("link").all_inner_texts()
    assert names == sorted(names, reverse=True)
    assert set(NAMES) <= set(names)
    assert is_still_here(page)


def test_who_is_signed_out_is_asked_to_sign_in(window: Watched) -> None:
    page = window.page
    sign_in(page)
    window.context.clear_cookies()
    page.get_by_label("Search").press_sequentially("bill")
    page.wait_for_url("**/console/sign-in?next=*")
    expect(page.get_by_label("Admin token")).to_be_visible()


def test_a_registry_that_is_away_is_told_of_and_what_was_found_stays(window: Watched) -> None:
    page = window.page
    sign_in(page)
    window.context.set_offline(True)
    page.get_by_label("Search").press_sequentially("bill")
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    expect(page.get_by_role("link", name="Nightly report")).to_be_visible()
    window.context.set_offline(False)
    page.get_by_label("Search").press_sequentially("ing")
    expect(page.get_by_role("link", name="Nightly report")).to_be_hidden()
    expect(page.get_by_role("alert")).to_be_hidden()
    window.errors.clear()  # the browser has told of it too


def test_a_chart_tells_the_numbers_of_each_bar(window: Watched) -> None:
    page = window.page
    sign_in(page)
    page.goto("/console/usage?span=30d")
    chart = page.locator(".chart")
    expect(chart.locator("canvas")).to_be_visible()
    told = chart.locator(".told")
    expect(told).to_be_hidden()
    chart.focus()
    page.keyboard.press("End")
    expect(told).to_contain_text("allowed")
    last = told.inner_text()
    page.keyboard.press("ArrowLeft")
    expect(told).not_to_have_text(last)
    page.mouse.move(0, 0)
    chart.blur()
    expect(told).to_be_hidden()
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    expect(told).to_contain_text("over a limit")
    page.mouse.move(0, 0)
    picture(page, "usage")


def test_health_is_told_anew_by_itself(window: Watched, server: RegistryServer) -> None:
    page = window.page
    sign_in(page)
    page.get_by_role("link", name="Health").click()
    expect(page.get_by_text("Publishing")).to_be_visible()
    picture(page, "health")
    mark(page)
    server.ledger.add([batch(3, row(), instance="fedcba9876543210")])
    expect(page.get_by_text("fedcba9876543210")).to_be_visible()
    assert is_still_here(page)


def test_from_a_plan_to_a_key_of_a_tenant_on_it(window: Watched) -> None:
    page = window.page
    sign_in(page)
    page.get_by_role("link", name="Plans").click()
    page.get_by_role("link", name="New plan").click()
    page.get_by_label("Name", exact=True).fill("silver")
    page.get_by_label("Name of limit 1").fill("per-key")
    page.get_by_label("Rate of limit 1").fill("often")
    page.get_by_role("button", name="Make plan").click()
    expect(page.locator("#limits-fault")).to_contain_text("Rate of limit 1 cannot be read")
    expect(page.get_by_label("Rate of limit 1")).to_be_focused()
    window.errors.clear()  # of the status of that answer
    page.get_by_label("Rate of limit 1").fill("50/s")
    page.get_by_role("button", name="Make plan").click()
    expect(page.get_by_role("status")).to_contain_text("The plan is there")
    page.get_by_role("link", name="Tenants", exact=True).click()
    page.get_by_role("link", name="New tenant").click()
    page.get_by_label("Id", exact=True).fill("umbrella")
    page.get_by_label("Plan").fill("silver")
    page.get_by_role("button", name="Make tenant").click()
    expect(page.get_by_role("status")).to_contain_text("The tenant is there")
    page.goto("/console/keys/new?tenant=umbrella")
    page.get_by_label("Name", exact=True).fill("Umbrella app")
    page.get_by_role("button", name="Make key").click()
    page.get_by_role("link", name="I have it").click()
    expect(page.get_by_text("50/s from its plan")).to_be_visible()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Name of limit 1").fill("per-key")
    page.get_by_label("Rate of limit 1").fill("5/s")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("5/s its own")).to_be_visible()
    page.get_by_role("link", name="umbrella", exact=True).click()
    page.get_by_role("link", name="Suspend").click()
    page.get_by_label("Reason").fill("unpaid since May")
    page.get_by_role("button", name="Suspend").click()
    expect(page.get_by_role("status")).to_contain_text("The tenant is suspended")
    page.get_by_role("link", name="Its keys").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("suspended")
