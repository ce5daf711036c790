"""Reads the code: no commit and no request lies outside the crash points, and nothing in the program arms them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from replicator.crash import crashpoint

ROOT = Path(__file__).resolve().parents[2] / "replicator"
#: What commits by itself, or opens what could; and what sends.
OPEN = frozenset({"commit", "begin", "begin_nested", "begin_twophase", "raw_connection", "connect", "create_engine"})
SENDS = frozenset({"send", "stream", "request", "urlopen", "create_connection", "connect_tcp"})
#: Whose `begin` is ours: Target's goes through `transaction`, the others' commit nothing by themselves.
OURS = frozenset({"target", "stage", "ledger", "logs", "sessions"})
EXEMPT = {
    ("target/database.py", "reading", "connect"): "it only reads; nothing is committed",
    ("target/database.py", "open_target", "create_engine"): "the one engine, whose transactions `transaction` makes",
    ("cli/connection.py", "open_nowhere", "create_engine"): "an empty database in memory, for a dry run",
    ("target/dialects/postgresql.py", "_session", "commit"): "a new session's settings, before any transaction",
    ("target/dialects/local_infile.py", "connect", "connect"): "a new session; nothing is committed",
    ("segment/wire.py", "send", "stream"): "the transport itself: the client sends through it alone",
    ("web/guard.py", "_dressed", "send"): "an answer to a browser",
    ("alerts/channels.py", "post", "request"): "the transport itself: `deliver` sends through it alone",
    ("alerts/channels.py", "post", "connect"): "to a mail server, likewise",
    ("segment/wire.py", "connect_tcp", "connect_tcp"): "opens the connection of a request that is being sent",
}
BRACKETS = {
    ("target/database.py", "transaction"): ("begin", "after begin", "before commit", "after commit"),
    ("segment/client.py", "_exchange"): ("before request", "send", "after request"),
    ("alerts/perform.py", "deliver"): ("before alert", "send", "after alert"),
}


class Site(NamedTuple):
    file: str
    function: str
    call: str
    owner: str
    line: int


def _sites() -> Iterator[Site]:
    for path in sorted(ROOT.rglob("*.py")):
        if "sandbox" not in path.relative_to(ROOT).parts[:-1]:
            yield from _calls(ast.parse(path.read_text()), path.relative_to(ROOT).as_posix(), "")


def _calls(node: ast.AST, file: str, function: str) -> Iterator[Site]:
    if isinstance(node, ast.FunctionDef):
        function = node.name
    if isinstance(node, ast.Call):
        name, owner = _name(node.func)
        yield Site(file, function, name, owner, node.lineno)
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, file, function)


def _name(called: ast.expr) -> tuple[str, str]:
    """What is called, and the last word of what it is called on."""
    if isinstance(called, ast.Attribute):
        return called.attr, _name(called.value)[0]
    return (called.id, "") if isinstance(called, ast.Name) else ("", "")


def _is_open(site: Site) -> bool:
    """Whether it commits or sends by itself, rather than through the functions that are bracketed."""
    if (site.file, site.function) in BRACKETS or (site.file, site.function, site.call) in EXEMPT:
        return False
    ours = site.call == "begin" and site.owner in OURS
    return site.call in OPEN | SENDS and not ours


def test_every_commit_and_every_request_lies_between_crash_points() -> None:
    stray = [site for site in _sites() if _is_open(site)]
    assert not stray, "bracket it with crash points, or go through Target.transaction or Client._exchange"


def test_the_bracketed_functions_pass_their_crash_points_in_order() -> None:
    for (file, function), order in BRACKETS.items():
        tree = ast.parse((ROOT / file).read_text())
        (body,) = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == function)
        calls = sorted((n for n in ast.walk(body) if isinstance(n, ast.Call)), key=lambda n: n.lineno)
        names = [_moment(call) for call in calls]
        assert tuple(name for name in names if name in order) == order


def _moment(call: ast.Call) -> str:
    name, _ = _name(call.func)
    first = call.args[0] if call.args else None
    return str(first.value) if name == "crashpoint" and isinstance(first, ast.Constant) else name


def test_nothing_in_the_program_arms_a_crash_point_and_so_it_does_nothing() -> None:
    sites = list(_sites())
    assert not [site for site in sites if site.call == "arm"]
    assert {site.file for site in sites if site.call == "crashpoint"} == {file for file, _ in BRACKETS}
    imports = [
        node for node in ast.walk(ast.parse((ROOT / "crash.py").read_text())) if isinstance(node, ast.ImportFrom)
    ]
    assert {node.module for node in imports} == {"__future__", "collections.abc"}, "it reads no setting"
    crashpoint("of no test")


def test_no_exemption_outlives_what_it_exempts() -> None:
    found = {(site.file, site.function, site.call) for site in _sites()}
    assert found >= set(EXEMPT)
