"""The status page in a real browser: what people click, what they see by themselves, and whether they can read it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from replicator.cli import turns
from replicator.settings import load_all
from tests.cli.running import TOKEN, Run
from tests.cli.test_stopping import Held, held
from tests.web.deciding import ENVIRON, Scene, scene
from tests.web.serving import PASSWORD, Still, serving

__all__ = ["held"]

pytestmark = pytest.mark.slow
BROWSER = "REPLICATOR_TEST_BROWSER"
#: Without them it looks for addresses outside at every start.
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
WITH_PASSWORD = '[web]\npassword_file = "page-password"\n'
NARROW, WIDE = 390, 1280


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = (os.environ.get(BROWSER, "chromium"), "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"there is no Chromium on this machine: install it, or set {BROWSER} to its path")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield opened
        opened.close()


@contextmanager
def opened(browser: Browser, port: int, *, width: int = WIDE, dark: bool = False, problems: int = 0) -> Iterator[Page]:
    """A page that asks nobody else, and complains of nothing but so many refused forms."""
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{port}",
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
    )
    complaints: list[str] = []
    foreign: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    def asked(request: Request) -> None:
        if not request.url.startswith(f"http://127.0.0.1:{port}/"):
            foreign.append(request.url)

    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("console", heard)
    page.on("request", asked)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
        assert foreign == []
        assert len(complaints) == problems, complaints
    finally:
        context.close()


@pytest.fixture
def acme(replicator: Run, folder: Path) -> Iterator[Scene]:
    (folder / "page-password").write_text(PASSWORD)
    with scene(replicator, folder, WITH_PASSWORD) as made:
        yield made


def log_in(page: Page, path: str = "/") -> None:
    page.goto(path)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


def test_a_person_logs_in_looks_around_and_logs_out(acme: Scene, browser: Browser) -> None:
    with serving(ENVIRON) as visitor, opened(browser, visitor.port, problems=1) as page:
        page.goto("/c/acme/runs")
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        page.get_by_label("Your name").fill("Ada")
        page.get_by_label("Password").fill("incorrect horse")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(f"http://127.0.0.1:{visitor.port}/c/acme/runs")
        page.get_by_role("table").get_by_role("link").first.click()
        expect(page.get_by_role("row", name="Suppressions")).to_contain_text("600")
        page.get_by_role("link", name="TrackingPlans", exact=True).click()
        expect(page.get_by_text("proved it whole")).to_be_visible()
        plan, _ = acme.plan()
        page.get_by_label("id").fill(plan)
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_role("heading", name="first seen")).to_be_visible()
        page.get_by_role("link", name="segment-replicator").click()
        expect(page.get_by_role("heading", name="All is well")).to_be_visible()
        expect(page.get_by_role("img", name="Rows changed of the last 1 runs")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        page.goto("/")
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_run_is_seen_going_on_and_ending_without_a_click(
    replicator: Run, folder: Path, held: tuple[Held, str], browser: Browser
) -> None:
    workspace, url = held
    (folder / "replicator.toml").write_text(
        f'base_url = "{url}"\nobjects = ["Suppressions"]\n[connections.acme]\ntarget = "sqlite:///acme.db"\n'
        '[jobs.often]\nevery = "15m"\n'
    )
    environ = {"SEGMENT_TOKEN": TOKEN}
    found = load_all(environ, {})
    keeper = Still("acme", found.connections["acme"], turns.by_connection(found)["acme"], environ, None)
    with serving(environ, keepers={"acme": keeper}) as visitor, opened(browser, visitor.port) as page:
        page.goto("/")
        run = Thread(target=keeper._run_job, args=(found.jobs["often"], ""))
        run.start()
        going = page.get_by_role("region", name="The run that goes on in acme")
        expect(going).to_contain_text("1,000 records", timeout=20_000)
        expect(going.get_by_role("progressbar", name="Suppressions")).to_be_visible()
        workspace.go.set()
        expect(page.get_by_role("row", name="often")).to_contain_text("done", timeout=20_000)
        expect(going).to_have_count(0)
        run.join(30)


def test_a_conflict_of_code_is_merged_by_hand_and_another_taken_from_there(acme: Scene, browser: Browser) -> None:
    function, _ = acme.function()
    acme.do("UPDATE source_functions SET code = ? WHERE id = ?", "one\nours\n", function)
    acme.network.write("PATCH", f"/functions/{function}", {"code": "one\ntheirs\n"})
    plan, _ = acme.plan()
    acme.do("UPDATE tracking_plans SET name = 'Ours' WHERE id = ?", plan)
    acme.network.write("PATCH", f"/tracking-plans/{plan}", {"name": "Theirs"})
    assert acme.push() == 4
    with serving(ENVIRON) as visitor, opened(browser, visitor.port, width=NARROW) as page:
        log_in(page)
        page.get_by_role("link", name="Resolve of acme").click()
        expect(page.get_by_text("+ theirs")).to_be_visible()
        page.get_by_text("Merge by hand").first.click()
        code = page.get_by_label("code")
        expect(code).to_have_value("one\nours\n")
        code.fill("one\nours\ntheirs\n")
        page.get_by_role("button", name="Take this version").first.click()
        expect(page.get_by_role("status")).to_contain_text("Resolved")
        page.get_by_role("button", name=re.compile("Take theirs ?: TrackingPlans")).click()
        expect(page.get_by_text("No edit is in conflict.")).to_be_visible()
        expect(page.get_by_role("row", name="a merged version")).to_contain_text("Ada")
    assert acme.push() == 0
    assert acme.theirs(f"/functions/{function}")["function"]["code"] == "one\nours\ntheirs\n"
    assert acme.plan() == (plan, "Theirs")


def test_a_job_is_asked_for_by_the_button_beside_it(acme: Scene, browser: Browser) -> None:
    with serving(ENVIRON) as visitor, opened(browser, visitor.port, width=NARROW) as page:
        log_in(page)
        page.get_by_role("button", name="Run now often of acme").click()
        expect(page.get_by_role("status")).to_contain_text("the job runs as soon as this connection is free")
        expect(page.get_by_role("row", name="often")).to_contain_text("due now")
    assert acme.rows("SELECT object, decided_by FROM _replicator_decisions") == [("often", "Ada")]


def test_deletions_are_approved_with_the_keyboard_alone(acme: Scene, browser: Browser) -> None:
    acme.holding()
    with serving(ENVIRON) as visitor, opened(browser, visitor.port) as page:
        log_in(page)
        expect(page.get_by_role("heading", name="Something needs a person")).to_be_visible()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        pressed(page, "Look and approve of acme")
        expect(page.get_by_text("600 of 600 rows are no longer in Segment")).to_be_visible()
        pressed(page, "Let the next run delete")
        expect(page.get_by_text("Approved by Ada")).to_be_visible()
    assert acme.run() == 0
    assert acme.rows("SELECT count(*) FROM suppressions WHERE _deleted_at IS NULL") == [(0,)]


def pressed(page: Page, name: str) -> None:
    """Whatever of that name the Tab key leads to, which shows that it does."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.textContent.trim()")
        if focused.startswith(name):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"the Tab key never leads to {name}")


#: WCAG's contrast between each text and what lies behind it; names that are missing; what is wider than the screen.
LOOK = """() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((each) => {
      const part = each / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (!colour.startsWith('rgba') && colour !== 'transparent') return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const wrong = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility() || element.closest('svg, .hidden, .skip'))
      continue;
    const [one, other] = [light(getComputedStyle(element).color), light(behind(element))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) wrong.push(`contrast ${contrast.toFixed(1)}: ${walker.currentNode.textContent.trim()}`);
  }
  const root = document.documentElement;
  const over = root.scrollWidth - root.clientWidth;
  if (over > 0) wrong.push(`wider than the screen by ${over}`);
  if (document.querySelectorAll('main').length !== 1) wrong.push('not one main');
  if (document.querySelectorAll('h1').length !== 1) wrong.push('not one heading of the page');
  for (const each of document.querySelectorAll('table')) if (!each.caption) wrong.push('a table without caption');
  for (const each of document.querySelectorAll('input:not([type=hidden]), textarea, select'))
    if (!each.labels.length) wrong.push(`a field without label: ${each.name}`);
  for (const each of document.querySelectorAll('a, button'))
    if (!each.textContent.trim()) wrong.push('a link without text');
  for (const each of document.querySelectorAll('svg[role=img], nav, progress, [role=region]'))
    if (!each.getAttribute('aria-label')) wrong.push(`${each.tagName} without a name`);
  const ids = [...document.querySelectorAll('[id]')].map((each) => each.id);
  if (new Set(ids).size !== ids.length) wrong.push('an id twice');
  return wrong;
}"""


@pytest.fixture
def lively(acme: Scene) -> Scene:
    """Something of everything: a failed object, held deletions, a conflict, pending edits, quarantine."""
    function, code = acme.function()
    acme.conflicting()
    acme.do("UPDATE source_functions SET code = ? WHERE id = ?", f"{code}\n// {'a long line ' * 30}", function)
    acme.do(
        "INSERT INTO _replicator_quarantine (id, scope, object, partition, reason, record, run_id, seen_at)"
        " SELECT 'q', '', 'Sources', '', 'nested deeper than 90', '{\"id\": \"x\"}',"
        " id, started_at FROM _replicator_runs LIMIT 1"
    )
    acme.do(
        "INSERT INTO _replicator_schema_changes (id, scope, object, change, run_id, seen_at)"
        " SELECT 's', '', 'Sources', 'a new field `colour`', id, started_at"
        " FROM _replicator_runs LIMIT 1"
    )
    acme.holding()
    acme.do("UPDATE _replicator_object_state SET status = 'failed', message = 'No.' WHERE object = 'TrackingPlanRules'")
    return acme


@pytest.mark.parametrize(("width", "dark"), [(NARROW, True), (WIDE, False)])
def test_every_page_can_be_read_in_both_themes_on_a_phone_and_by_a_screen_reader(
    lively: Scene, browser: Browser, width: int, dark: bool
) -> None:
    (run,) = lively.rows("SELECT max(id) FROM _replicator_runs WHERE job IS NOT NULL")
    plan, _ = lively.plan()
    paths = [
        *("", "runs", f"runs/{run[0]}", "objects/AuditEvents", f"objects/TrackingPlans?part={plan}", "edits"),
        *("conflicts", "deletes", "quarantine", "schema", "nothing"),
    ]
    with serving(ENVIRON) as visitor, opened(browser, visitor.port, width=width, dark=dark, problems=1) as page:
        page.goto("/login")
        assert page.evaluate(LOOK) == []
        log_in(page)
        assert page.evaluate(LOOK) == []
        for path in paths:
            page.goto(f"/c/acme/{path}")
            for each in page.locator("summary").all():
                each.click()
            assert page.evaluate(LOOK) == [], path
