"""Random histories of both sides of a two-way sync: `python -m tests.model.push [--histories N] [--seed S]`.

Plans, rules and functions are edited, renamed, added and deleted in one or two databases and in the workspace, pulled,
planned and pushed, under each policy, while answers are lost or refused, people act between two requests, and the
process dies at any of its crash points. After each thing that the program did:

 I6   every value that a person wrote here is in a row, in a conflict, in the journal as overruled, or was sent;
 I7   every value that a person wrote there is there, unless a person who had seen it, or the policy, put another;
 I8   no name that a person gave is there twice;
 I10  a conflict has the two versions for as long as nobody decides it.

At the end conflicts are decided by chance; two cycles later all sides agree, and a third one writes nothing (I9).
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from replicator.errors import UsageError
from replicator.sync.model import Done, Policy
from replicator.sync.resolve import Side
from tests import databases
from tests.crashes import places
from tests.crashes.places import Base
from tests.model.deeds import Deeds
from tests.model.mishaps import DEATH
from tests.model.sides import VALUE, Site, Wire, values_in
from tests.scenarios.replica import Replica

STEPS = 14
POLICIES: tuple[Policy, ...] = ("error", "error", "error", "segment_wins", "target_wins", "newest")
#: What becomes of a write; without `effect=done` or `after` it has none.
FAULTS = (
    *("status=502,effect=done", "status=503", "status=429,retry_after=1", "status=500,effect=done", "reset"),
    *("reset=after", "lose_response", "truncate_at=10", "html200,effect=done", "empty_object,effect=done"),
)


class History:
    """One history, of as many databases as there are replicas; they are empty, or as after their first pull."""

    def __init__(self, replicas: Sequence[Replica], seed: int) -> None:
        self.random = random.Random(seed)
        self.wire = Wire()
        self.deeds = Deeds(self.random, self.wire)
        self.sites = [Site(each, self.wire, self.random.choice(POLICIES)) for each in replicas]
        for each in replicas:
            each.network = self.wire
        self.told = self.deeds.told
        self.told.append(f"policies {[site.policy for site in self.sites]}")

    def perform(self) -> None:
        for site in self.sites:
            assert site.pull().status == "done"
        here, there = self.deeds.edit_here, self.deeds.edit_there
        people: list[Callable[[Site], None]] = [here, here, here, there, there, there, self.deeds.spoil_here]
        people += [self.deeds.add_here, self.deeds.delete_here, self.deeds.rename_here]
        people += [self.deeds.add_there, self.deeds.delete_there, self.deeds.rename_there]
        program = (self.pull, self.pull, self.push, self.push, self.plan, self.trouble, self.trouble, self.death)
        for _ in range(STEPS):
            step = self.random.choice((*people, *program))
            step(self.random.choice(self.sites))
        self.end()

    def pull(self, site: Site) -> None:
        self._did(site, "pull", site.pull)

    def push(self, site: Site) -> list[Done]:
        done: list[Done] = []

        def push() -> None:
            done.extend(site.push())
            self.told.append(f"  {dict(Counter((each.step.action, each.outcome) for each in done))}")

        self._did(site, "push", push)
        return done

    def plan(self, site: Site) -> None:
        """What a person saw a while ago is applied, as far as it still holds; and what is to be done now is seen."""

        def apply_plan() -> None:
            planned = {(each.object, each.id) for each in site.planned}
            done = site.push(site.planned)
            strange = [each for each in done if (each.step.object, each.step.id) not in planned]
            assert not strange, f"never planned: {strange}"

        if site.planned:
            self._did(site, "apply what was planned", apply_plan)
        site.planned = site.plan()

    def trouble(self, site: Site) -> None:
        """A push whose writes go wrong, or while which somebody edits, here or there."""
        method = self.random.choice(("PATCH", "POST", "DELETE"))
        if self.random.random() < 0.6:
            fault = self.random.choice(FAULTS)
            self.wire.goes_wrong(f"{method} *:{fault},times={self.random.randint(1, 4)}")
            self._did(site, f"push, {fault} at {method}", site.push)
            return
        deed = self.random.choice((self.deeds.edit_here, self.deeds.delete_here, self.deeds.edit_there))
        # What is done there between the look and the write is the window that the API leaves open.
        when = "GET" if deed == self.deeds.edit_there else self.random.choice(("GET", method))
        nth = self.random.randint(2, 6) if when == "GET" else 1
        self.wire.before = self.deeds.once(lambda: deed(site), when, nth)
        self._did(site, f"push, meanwhile {deed.__name__} at {when} {nth}", site.push)

    def death(self, site: Site) -> None:
        deed = self.random.choice((site.push, site.push, site.pull))
        after = self.random.randint(0, 90)
        DEATH.comes(after)
        self._did(site, f"{deed.__name__}, dead after {after}", deed)

    def _did(self, site: Site, what: str, deed: Any) -> None:
        self.told.append(f"site {self.sites.index(site)}: {what}")
        if error := site.attempt(deed):
            self.told.append(f"  {error}")
        self.check()

    def check(self) -> None:
        """The invariants that hold at any time."""
        there = values_in(self.wire.everything())
        sent, kept = self.wire.sent(), set[str]().union(*(site.kept() for site in self.sites))
        lost = {
            value: side
            for value, side in self.deeds.written.items()
            if value not in self.deeds.seen | there | kept and not (side == "here" and value in sent)
        }
        lost = {value: side for value, side in lost.items() if side == "here" or not self._overruled(value)}
        assert not lost, f"I6, I7: lost {lost}"
        names = Counter(each["name"] for each in self.wire.records("plan"))
        names += Counter(each["displayName"] for each in self.wire.records("function"))
        twice = [name for name, count in names.items() if count > 1 and VALUE.fullmatch(name)]
        assert not twice, f"I8: {twice} was made twice"
        for site in self.sites:
            if site.policy == "error":
                back = site.wished & site.keys()
                assert not back or back <= self._made_anew(site), f"I6: {back} was deleted here, and came back"

    def _made_anew(self, site: Site) -> set[str]:
        """Rules whose deletion was done, and which the other database put in again since: their keys are the same."""
        there = {(rule["plan"], *_rule(rule)[:3]) for rule in self.wire.records("rule")}
        here = {row["_key"] for row in site.rows("rule") if (row["tracking_plan_id"], *_rule(row)[:3]) in there}
        done = [row for row in site.replica.books("push_journal") if row["status"] == "done"]
        return here & {row["record_id"] for row in done if row["action"] == "delete"}

    def _overruled(self, value: str) -> bool:
        """Whether a policy that may do so put ours in the place of that value; the journal has it then."""
        free = [site for site in self.sites if site.policy in {"target_wins", "newest"}]
        return any(value in str(row["before"]) for site in free for row in site.replica.books("push_journal"))

    def end(self) -> None:
        """What no API would accept is taken back, every conflict is decided; then two cycles end in the same."""
        for site, back, values in self.deeds.spoiled:
            site.replica.do(back, **values)
        done = []
        for site in self.sites:
            done.append(self.push(site))
            self._conflicts_stay(site)
        for _ in range(20):
            acted = [self._take_back(site, each) for site, each in zip(self.sites, done, strict=True)]
            acted += [self._decide(site) for site in self.sites]
            if not any(acted):
                break
            done = [self.push(site) for site in self.sites]
        for _ in range(2):
            for site in self.sites:
                self.pull(site)
                self.push(site)
        self._third_cycle()
        self._all_agree()

    def _conflicts_stay(self, site: Site) -> None:
        """I10: seen once more, a conflict is the same one, with the same two versions."""
        names = ("id", "object", "record_id", "base", "local", "remote")
        before = [[row[name] for name in names] for row in site.replica.books("conflicts")]
        if not before:
            return
        self.push(site)
        after = [[row[name] for name in names] for row in site.replica.books("conflicts")]
        assert sorted(map(str, before)) == sorted(map(str, after)), f"I10: {before} became {after}"

    def _decide(self, site: Site) -> bool:
        conflicts = site.replica.books("conflicts")
        if not conflicts:
            return False
        conflict = min(conflicts, key=lambda row: str((row["object"], row["local"])))
        side: Side = self.random.choice(("ours", "theirs"))
        self.told.append(f"resolve {conflict['object']} {conflict['record_id']} {side}: {conflict['reason']}")
        # Whoever decides has seen both.
        self.deeds.seen |= values_in(conflict)
        try:
            site.resolve(conflict["id"], side)
        except UsageError as error:
            # A rule whose plan is gone cannot be had back by itself.
            self.told.append(f"  {error}")
            side = "theirs"
            site.resolve(conflict["id"], side)
        if side == "theirs":
            site.wished.discard(conflict["record_id"])
        self.check()
        return True

    def _take_back(self, site: Site, pushed: Sequence[Done]) -> bool:
        """What was added here and cannot be made there, as a rule of a plan that is gone."""
        refused = [each for each in pushed if each.outcome == "refused"]
        for done in refused:
            self.told.append(f"take back {done.step.object} {done.step.id}: {done.error}")
            self.deeds.seen |= values_in(site.row(done.step.object, done.step.id))
            site.remove(done.step.object, done.step.id)
        return bool(refused)

    def _third_cycle(self) -> None:
        self.wire.written.clear()
        for site in self.sites:
            run = site.pull()
            moved = [each for each in run.objects if each.inserted + each.updated + each.deleted]
            assert not moved, f"I9: a third cycle writes here {moved}"
            site.push()
            assert not self.wire.written, f"I9: a third cycle writes there {self.wire.written}"
            assert not (left := site.plan()), f"I9: {left}"

    def _all_agree(self) -> None:
        plans = {each["id"]: (each["name"], each.get("description")) for each in self.wire.records("plan")}
        code = {each["id"]: (each["code"], each.get("description")) for each in self.wire.records("function")}
        rules = sorted((each["plan"], *_rule(each)) for each in self.wire.records("rule"))
        for site in self.sites:
            assert plans == {row["id"]: (row["name"], row["description"]) for row in site.rows("plan")}
            assert code == {row["id"]: (row["code"], row["description"]) for row in site.rows("function")}
            assert rules == sorted((row["tracking_plan_id"], *_rule(row)) for row in site.rows("rule"))


def _rule(each: dict[str, Any]) -> tuple[Any, ...]:
    schema = each.get("jsonSchema", each.get("json_schema"))
    read = json.loads(schema) if isinstance(schema, str) else schema
    return each["type"], each.get("key") or "", float(each["version"]), json.dumps(read, sort_keys=True)


def run(replicas: Sequence[Replica], seed: int) -> None:
    """One history of databases that are empty or as after `first_pull`; raises AssertionError with what was done."""
    history = History(replicas, seed)
    try:
        history.perform()
    except Exception as error:
        done = "\n".join(history.told)
        raise AssertionError(f"history {seed}: {type(error).__name__}: {error}\n{done}") from error
    finally:
        DEATH.is_over()
        for replica in replicas:
            replica.close()


def first_pull(url: str) -> Replica:
    """With it done once, a database can be put back to it, which is quicker than to begin with an empty one."""
    wire = Wire()
    replica = Replica(url, wire)
    try:
        assert Site(replica, wire).pull().status == "done"
    finally:
        replica.close()
    return replica


@contextmanager
def bases(kind: str, folder: Path) -> Iterator[list[tuple[Base, Replica]]]:
    """Two databases of that kind, both as after their first pull.

    Each has one replica for all histories: what describes tables and statements is a quarter of a history's work.
    """
    with ExitStack() as stack:
        found = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            base = stack.enter_context(places.opened(kind, folder / name))
            found.append((base, first_pull(base.url)))
            base.keep()
        yield found


def histories(kind: str, seeds: Sequence[int]) -> list[str]:
    """Performs them; gives what went wrong in each that did. Every third one has two databases."""
    logging.getLogger("replicator").addHandler(logging.NullHandler())
    broken: list[str] = []
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder,
        bases(kind, Path(folder)) as both,
    ):
        for seed in seeds:
            used = both if seed % 3 == 0 else both[:1]
            for base, _ in used:
                base.restore()
            try:
                run([replica for _, replica in used], seed)
            except AssertionError as error:
                broken.append(str(error))
    return broken


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.model.push", description=__doc__)
    parser.add_argument("--histories", type=int, default=200, help="(%(default)s)")
    parser.add_argument("--database", choices=databases.kinds(), default="sqlite")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the first (%(default)s)")
    asked = parser.parse_args(arguments)
    seeds = range(asked.seed, asked.seed + asked.histories)
    began = time.monotonic()
    with ProcessPoolExecutor(asked.processes) as pool:
        parts = [pool.submit(histories, asked.database, seeds[at :: asked.processes]) for at in range(asked.processes)]
        broken = [each for part in parts for each in part.result()]
    for each in broken:
        sys.stdout.write(f"{each}\n\n")
    told = f"{asked.histories} histories, {len(broken)} broken, {time.monotonic() - began:.0f} s"
    sys.stdout.write(f"{asked.database}: {told}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
