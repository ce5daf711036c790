"""Who may ask what, over a real socket: every route, against every rule."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.routing import Route

from replicator.web.pages import ROUTES
from replicator.web.password import hashed
from replicator.web.site import PROBES
from tests.cli.running import Process, Run
from tests.web.serving import PASSWORD, Visitor, serving

CONFIGURATION = """
region = "sandbox"
objects = ["Labels", "TrackingPlans"]
history = ["Labels"]
[connections.acme]
target = "sqlite:///acme.db"
[jobs.often]
every = "15m"
"""
FILL = {"connection": "acme", "job": "often", "object": "Labels", "run": "", "conflict": "0123456789ab"}
GETS = [route for route in ROUTES if "GET" in (route.methods or ())]
POSTS = [route for route in ROUTES if "POST" in (route.methods or ())]


def path_of(route: Route, run: str = "0") -> str:
    return re.sub(r"\{(\w+)\}", lambda found: {**FILL, "run": run}[found[1]], route.path)


def dumped() -> list[str]:
    with closing(sqlite3.connect("acme.db")) as database:
        return list(database.iterdump())


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database after the job's first run."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "replicator.toml").write_text(CONFIGURATION)
    assert Process(folder)("run", "often").code == 0
    return folder / "acme.db"


@pytest.fixture
def configured(filled: Path, folder: Path) -> Path:
    shutil.copy(filled, folder)
    file = folder / "replicator.toml"
    file.write_text(CONFIGURATION)
    return file


@pytest.fixture
def visitor(configured: Path) -> Iterator[Visitor]:
    """Of a page on this machine, which has no password."""
    with serving() as found:
        yield found


@pytest.fixture
def stranger(configured: Path) -> Iterator[Visitor]:
    """Of a page with a password, and not logged in."""
    secret = configured.parent / "page-password"
    secret.write_text(PASSWORD + "\n")
    configured.write_text(f'{CONFIGURATION}[web]\npassword_file = "page-password"\n')
    with serving() as found:
        yield found


@pytest.fixture
def run_id(configured: Path) -> str:
    with closing(sqlite3.connect("acme.db")) as database:
        return str(database.execute("SELECT id FROM _replicator_runs").fetchone()[0])


def test_no_get_of_any_page_changes_anything(visitor: Visitor, run_id: str) -> None:
    before = dumped()
    for route in GETS:
        path = path_of(route, run_id)
        assert visitor.get(path).status in {200, 303}, path
        assert visitor.ask("HEAD", path).text == ""
        assert visitor.get(f"{path}?csrf=x&side=ours&part=x&run=x&before=2030-01-01").status < 500
    assert dumped() == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_not_answered_anywhere(visitor: Visitor, method: str) -> None:
    paths = {path_of(route) for route in ROUTES} | {*PROBES}
    assert {visitor.ask(method, path).status for path in paths} == {405}


def test_a_page_that_takes_no_form_refuses_one(visitor: Visitor) -> None:
    before = dumped()
    posts = {path_of(route) for route in POSTS}
    for path in {path_of(route) for route in GETS} - posts:
        token = visitor.get("/c/acme/deletes").text
        assert visitor.send(path, {"csrf": token}).status in {403, 405}
    assert dumped() == before


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "localhost.evil"])
def test_a_foreign_name_that_points_here_is_told_nothing(visitor: Visitor, host: str) -> None:
    visitor.get("/")
    for route in ROUTES:
        for method in ("GET", "POST"):
            answer = visitor.ask(method, path_of(route), {"Host": host, "Origin": f"http://{host}"})
            assert (answer.status, "acme" in answer.text) == (421, False)


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "[::1]:8080", "10.1.2.3"])
def test_addresses_and_this_machine_are_known(visitor: Visitor, host: str) -> None:
    assert visitor.get("/", Host=host).status == 200


def test_names_that_the_configuration_gives_are_known(configured: Path) -> None:
    configured.write_text(
        f'{CONFIGURATION}[web]\nlisten = "127.0.0.1:0"\n'
        'url = "https://page.example.com"\nhosts = ["replicator.internal", "other"]\n'
    )
    with serving() as visitor:
        for host in ("page.example.com", "Replicator.internal:8080", "other"):
            assert visitor.get("/", Host=host).status == 200
        assert visitor.get("/", Host="another").status == 421


def test_what_monitors_ask_needs_neither_name_nor_login_and_tells_no_more_than_before(stranger: Visitor) -> None:
    assert stranger.get("/healthz", Host="daemon:8080").text == "alive\n"
    assert stranger.get("/readyz", Host="daemon").text == "ready\n"
    metrics = stranger.get("/metrics", Host="daemon")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'replicator_up{connection="acme"} 1' in metrics.text
    for path in PROBES:
        assert "set-cookie" not in stranger.get(path).headers


def test_without_a_login_every_page_leads_there(stranger: Visitor, run_id: str) -> None:
    for route in GETS:
        path = path_of(route, run_id)
        answer = stranger.get(path)
        if path == "/login":
            assert answer.status == 200
            continue
        assert (answer.status, answer.text) == (303, "")
        assert answer.headers["location"].startswith("/login?next=%2F")
        assert stranger.get(path, **{"HX-Request": "true"}).status == 401
        assert "acme" not in stranger.get("/nothing").text
    for route in POSTS:
        path = path_of(route)
        if path != "/login":
            assert stranger.send(path, {}).headers["location"] == "/login"


def test_a_login_opens_every_page_and_its_end_closes_them(stranger: Visitor, run_id: str) -> None:
    stranger.get("/login")
    before = dict(stranger.cookies)
    answer = stranger.log_in()
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert stranger.cookies != before
    assert all(stranger.get(path_of(route, run_id)).status in {200, 303} for route in GETS)
    assert "Ada" in stranger.get("/").text
    kept = dict(stranger.cookies)
    assert stranger.post("/logout").headers["location"] == "/login"
    stranger.cookies = kept
    assert stranger.get("/").status == 303


def test_the_cookie_is_strict_and_hidden_from_scripts(stranger: Visitor) -> None:
    for answer in (stranger.get("/login"), stranger.log_in()):
        cookie = answer.headers["set-cookie"]
        assert re.fullmatch(r"replicator-0=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Strict", cookie)


def test_behind_https_the_cookie_goes_nowhere_else_and_browsers_stay_with_it(configured: Path) -> None:
    configured.write_text(
        f'{CONFIGURATION}[web]\nlisten = "127.0.0.1:0"\n'
        f'url = "https://page.example.com"\npassword_hash = "{hashed(PASSWORD)}"\n'
    )
    with serving() as visitor:
        visitor.host = "page.example.com"
        answer = visitor.get("/login")
        assert answer.headers["set-cookie"].startswith("__Host-replicator=")
        assert answer.headers["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Strict; Secure")
        assert "strict-transport-security" in answer.headers
        token = re.search(r'name="csrf" value="([0-9a-f]+)"', answer.text)
        assert token
        fields = {"csrf": token[1], "who": "Ada", "password": PASSWORD}
        # The page itself lies at https: a form from http is a stranger's.
        assert visitor.send("/login", fields).status == 403
        assert visitor.send("/login", fields, Origin="https://page.example.com").status == 303


@pytest.mark.parametrize(
    "origin", ["null", "http://evil.example", "https://127.0.0.1", "http://127.0.0.1:1", "", "http://127.0.0.1.evil"]
)
def test_a_form_from_elsewhere_is_refused_whatever_it_holds(stranger: Visitor, origin: str) -> None:
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', stranger.get("/login").text)
    assert token
    fields = {"csrf": token[1], "who": "Eve", "password": PASSWORD}
    assert stranger.send("/login", fields, Origin=origin).status == 403
    assert stranger.send("/login", fields).status == 303


def test_a_form_needs_the_token_of_the_browser_that_sends_it(stranger: Visitor) -> None:
    other = Visitor(stranger.port)
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', other.get("/login").text)
    assert token
    stranger.get("/login")
    for csrf in ("", "0" * 64, token[1], "é"):
        answer = stranger.send("/login", {"csrf": csrf, "who": "Eve", "password": PASSWORD})
        assert (answer.status, "out of date" in answer.text) == (403, True)
    stranger.cookies.clear()
    assert stranger.send("/login", {"csrf": token[1], "password": PASSWORD}).status == 403
    assert stranger.get("/").status == 303


def test_a_wrong_password_is_refused_and_the_sixth_try_has_to_wait(stranger: Visitor) -> None:
    for _ in range(5):
        answer = stranger.log_in(password="incorrect horse")
        assert (answer.status, "That is not the password." in answer.text) == (403, True)
        assert "incorrect" not in answer.text
    answer = stranger.log_in()
    assert answer.status == 429
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert stranger.get("/").status == 303


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("/c/acme/runs?before=2026-01-01", "/c/acme/runs?before=2026-01-01"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nset-cookie: x=1", "/"),
        ("", "/"),
    ],
)
def test_after_the_login_the_wanted_page_comes_if_it_is_one_of_ours(stranger: Visitor, wanted: str, given: str) -> None:
    fields = {"who": "Ada", "password": PASSWORD, "next": wanted}
    answer = stranger.post("/login", fields, page="/login")
    assert (answer.status, answer.headers["location"]) == (303, given)
    assert "x" not in stranger.cookies


def test_a_link_from_elsewhere_keeps_whoever_is_logged_in(stranger: Visitor) -> None:
    stranger.log_in()
    kept, stranger.cookies = stranger.cookies, {}
    answer = stranger.get("/c/acme/runs?x=%22", **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 200
    assert '<meta http-equiv="refresh" content="0;url=/c/acme/runs?x=%22">' in answer.text
    assert "set-cookie" not in answer.headers
    stranger.cookies = kept
    assert stranger.get("/c/acme/runs").status == 200


def test_what_is_no_form_or_too_large_is_refused(visitor: Visitor) -> None:
    visitor.get("/")
    origin = {"Origin": f"http://127.0.0.1:{visitor.port}"}
    assert visitor.ask("POST", "/logout", {**origin, "Content-Type": "application/json"}, "{}").status == 415
    form = {**origin, "Content-Type": "application/x-www-form-urlencoded"}
    assert visitor.ask("POST", "/logout", form, "a=" + "b" * (2**21 + 1)).status == 413
    assert visitor.ask("POST", "/logout", form, "&".join(f"a{at}=b" for at in range(300))).status == 400


class Parts(HTMLParser):
    """What of a page could run, or lead elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.inside = ""
        self.labels: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.inside = tag
        self.wrong += [f"{tag} {name}" for name in given if name.startswith("on") or name == "style"]
        links = [given.get(name, "") for name in ("href", "src", "action", "hx-get")]
        self.wrong += [f"{tag} {link}" for link in links if link and not re.match(r"/(?!/)|#", link)]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.wrong.append(tag)
        if tag == "html" and given.get("lang") != "en":
            self.wrong.append("a page without a language")

    def handle_data(self, data: str) -> None:
        if self.inside == "script" and data.strip():
            self.wrong.append(f"script {data[:40]}")


def test_no_page_has_a_script_a_style_or_a_link_that_is_not_ours(visitor: Visitor, run_id: str) -> None:
    for route in GETS:
        answer = visitor.get(path_of(route, run_id))
        parts = Parts()
        parts.feed(answer.text)
        assert parts.wrong == [], route.path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


def test_the_files_of_the_page_are_ours_and_no_other_can_be_had(stranger: Visitor) -> None:
    assert "color-scheme" in stranger.get("/static/style.css").text
    assert "htmx" in stranger.get("/static/htmx.min.js").text
    assert "Permission to use" in stranger.get("/static/htmx.LICENSE.txt").text
    for path in ("/static/../pages/login.py", "/static/..%2fapplication.py", "/static/%2e%2e%2fguard.py", "/static/"):
        assert stranger.get(path).status in {303, 404}


def test_a_page_beyond_this_machine_needs_a_password_and_says_so_before_anything_is_done(
    replicator: Run, folder: Path
) -> None:
    file = folder / "replicator.toml"
    for listen in ("0.0.0.0:0", "[::]:0", "192.0.2.1:8080", "replicator.internal:8080"):
        file.write_text(f'{CONFIGURATION}[web]\nlisten = "{listen}"\n')
        outcome = replicator("daemon")
        assert outcome.code == 2
        assert "the status page has no password" in outcome.error
        assert "`replicator web password`" in outcome.error
        assert not Path("acme.db").exists()
    for more in ("page = false", f'password_hash = "{hashed(PASSWORD)}"'):
        file.write_text(f'{CONFIGURATION}[web]\nlisten = "0.0.0.0:0"\n{more}\n')
        assert replicator("config", "check").code == 0


def test_without_a_page_monitors_alone_are_answered(configured: Path) -> None:
    configured.write_text(f"{CONFIGURATION}[web]\npage = false\n")
    with serving() as visitor:
        assert visitor.get("/healthz").status == 200
        assert visitor.get("/readyz", Host="daemon:8080").status == 200
        for path in ("/", "/login", "/c/acme/", "/static/style.css"):
            assert (visitor.get(path).status, visitor.get(path).text) == (404, "There is no such page.\n")
        assert visitor.ask("POST", "/healthz").status == 405
