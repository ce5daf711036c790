"""Bugs of the kind that loses or invents rows, as data: what to change in the source, and which tests must notice.

Each was a mistake of somebody's: those of the list in the project's catalogue of faults, and of other tools.
"""

from __future__ import annotations

from dataclasses import dataclass

PUBLISH = ("tests/contract/test_publish.py", "tests/contract/test_failures.py", "tests/scenarios/test_failures.py")
RESUME = ("tests/contract/test_resume.py", "tests/scenarios/test_resume.py", "tests/scenarios/test_places.py")
INCREMENTAL = ("tests/scenarios/test_incremental.py", "tests/scenarios/test_changes.py")
FAULTS = ("tests/faults/test_catalogue_http.py",)
CLIENT = ("tests/segment/test_faults.py", "tests/segment/test_limits.py", "tests/segment/test_retry.py")
PAGES = ("tests/segment/test_pages.py", *FAULTS)
SECRETS = ("tests/contract/test_values.py", "tests/properties/test_rows.py", "tests/scenarios/test_secrets.py")
EDITS = ("tests/scenarios/test_edits.py",)
PUSH = ("tests/scenarios/test_push.py",)
CAREFUL = ("tests/scenarios/test_push_careful.py",)
SELECTION = ("tests/scenarios/test_selection.py",)
NAMES = ("tests/scenarios/test_names.py",)
DRIFT = ("tests/scenarios/test_drift.py",)
APPROVAL = ("tests/scenarios/test_approval.py",)
HISTORY = ("tests/contract/test_history.py", "tests/scenarios/test_history.py")


@dataclass(frozen=True, slots=True)
class Mutation:
    """`old` stands exactly once in `file`, which lies below replicator/."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTATIONS = (
    Mutation(
        "delete what a partial listing lacks",
        "target/publish.py",
        'if filled and self.publication.extent != "none" else 0',
        "if filled else 0",
        PUBLISH + FAULTS,
    ),
    Mutation(
        "delete without a second look",
        "target/publish.py",
        "if counts.absent and not publication.confirmed:",
        "if counts.absent and False:",
        PUBLISH + FAULTS + INCREMENTAL,
    ),
    Mutation(
        "delete although records came twice",
        "target/publish.py",
        "if counts.absent and counts.duplicates and not publication.repeats:",
        "if False:",
        PUBLISH + FAULTS,
    ),
    Mutation(
        "an approval of deletions holds for every run",
        "target/decisions.py",
        "            self._end(connection, mine, run_id)\n",
        "            pass\n",
        APPROVAL,
    ),
    Mutation(
        "an approval of deletions holds for every object",
        "target/decisions.py",
        "self.approved(connection).keys() & set(names)",
        "set(names) if self.approved(connection) else ()",
        APPROVAL,
    ),
    Mutation(
        "no guard against mass deletion",
        "target/publish.py",
        "if publication.allow_deletes or counts.deleted <= max(GUARD_ROWS, lived * GUARD_SHARE):",
        "if counts.deleted >= 0:",
        PUBLISH,
    ),
    Mutation(
        "publish what was not counted",
        "target/publish.py",
        "if promised != staged:",
        "if False:",
        PUBLISH + RESUME,
    ),
    Mutation(
        "commit the publication without the epoch",
        "target/publish.py",
        "        stage.lease.check(connection)\n        staged = int(",
        "        staged = int(",
        PUBLISH + RESUME,
    ),
    Mutation(
        "commit a batch without the epoch",
        "target/stage.py",
        "            self.lease.check(connection)\n            if batch.rows",
        "            if batch.rows",
        RESUME + PUBLISH,
    ),
    Mutation(
        "the epoch is looked at and not compared",
        "target/lease.py",
        "if epoch != self.epoch:",
        "if False:",
        RESUME + PUBLISH,
    ),
    Mutation(
        "two runs at once",
        "target/lease.py",
        "    if not dead(target, by, target.dialect.now(connection) - run.heartbeat_at):",
        "    if False:",
        (*RESUME, "tests/cli/test_bad_databases.py"),
    ),
    Mutation(
        "a dead run is never taken over",
        "target/lease.py",
        "    return there is False or age >= LONG_PATIENCE",
        "    return False",
        (*RESUME, "tests/cli/test_stopping.py"),
    ),
    Mutation(
        "a token without rights empties what was seen",
        "target/publish.py",
        'return case((and_(cast(new, Text) == "[]", old.is_not(None)), old), else_=new)',
        "return new",
        PUBLISH + FAULTS,
    ),
    Mutation(
        "a record that returns stays deleted",
        "target/publish.py",
        "other = [table.c._fingerprint != source.c._fingerprint, table.c._deleted_at.is_not(None)]",
        "other = [table.c._fingerprint != source.c._fingerprint]",
        PUBLISH + INCREMENTAL,
    ),
    Mutation(
        "every row is written again",
        "target/publish.py",
        "other = [table.c._fingerprint != source.c._fingerprint, table.c._deleted_at.is_not(None)]",
        "other = [table.c._fingerprint.is_not(None)]",
        PUBLISH,
    ),
    Mutation(
        "hard deletes take earlier tombstones along",
        "target/publish.py",
        "mine = (self.table.c._deleted_at.is_not(None), self.table.c._run_id == self.publication.run_id)",
        "mine = (self.table.c._deleted_at.is_not(None),)",
        PUBLISH + INCREMENTAL,
    ),
    Mutation(
        "go on with a stage that lost rows",
        "target/stage.py",
        "        if held != promised:",
        "        if False:",
        RESUME,
    ),
    Mutation(
        "a cursor that comes again is followed",
        "segment/pages.py",
        "if page.next is not None and cursors.repeats(listing, page.next, seen):",
        "if False:",
        PAGES,
    ),
    Mutation(
        "a missing list is an empty one",
        "segment/pages.py",
        "    found = _present(data, name)\n    if not isinstance(found, list):",
        "    found = data.get(name) or []\n    if not isinstance(found, list):",
        PAGES,
    ),
    Mutation(
        "a null list is an empty one",
        "segment/pages.py",
        '        raise OffContract(f"`{name}` is no list")',
        "        return []",
        PAGES,
    ),
    Mutation(
        "Retry-After is ignored",
        "segment/retry.py",
        "    said = _retry_after(headers, now)",
        "    said = None",
        CLIENT,
    ),
    Mutation(
        "a 429 holds back one thread only",
        "segment/limits.py",
        "            if whole_token:",
        "            if False:",
        CLIENT,
    ),
    Mutation(
        "a revoked token is asked with again",
        "segment/client.py",
        "            self._revoked.set()",
        "            pass",
        CLIENT + FAULTS,
    ),
    Mutation(
        "a server's fault is not tried again",
        "segment/answers.py",
        "if status == 408 or status >= 500:",
        "if status == 408 or status >= 600:",
        CLIENT + FAULTS,
    ),
    Mutation(
        "no deadline for a whole request",
        "segment/client.py",
        "self._transport.send(self._request(ask), self._patience.deadline)",
        "self._transport.send(self._request(ask), 86_400.0)",
        CLIENT + FAULTS,
    ),
    Mutation(
        "what may not be seen is empty",
        "extract.py",
        "        except Inaccessible as why:\n            return Unseen(self.partition, why)",
        "        except Inaccessible as why:\n            return Page([], None, None, plain=True, date=None)",
        ("tests/scenarios/test_failures.py", "tests/extract", *FAULTS),
    ),
    Mutation(
        "a parent that is gone has no children",
        "extract.py",
        "if self.single else Unseen(self.partition, why)",
        "if why else Unseen(self.partition, why)",
        ("tests/scenarios/test_failures.py", "tests/extract", *FAULTS),
    ),
    Mutation(
        "records that go away while they are read are not noticed",
        "extract.py",
        "gone=found.count(None),",
        "gone=0,",
        ("tests/scenarios/test_failures.py", "tests/extract", *INCREMENTAL, *FAULTS),
    ),
    Mutation(
        "a count that disagrees with the pages is believed",
        "replicate.py",
        "        elif fetched.checkpoint.done and total != held:",
        "        elif False:",
        FAULTS + PUBLISH,
    ),
    Mutation(
        "a listing that moved deletes",
        "replicate.py",
        "or not self.object.absence_deletes or self.moved or self.figures.quarantined:",
        "or not self.object.absence_deletes or self.figures.quarantined:",
        FAULTS + PUBLISH + RESUME,
    ),
    Mutation(
        "a record in quarantine is deleted",
        "replicate.py",
        "or not self.object.absence_deletes or self.moved or self.figures.quarantined:",
        "or not self.object.absence_deletes or self.moved:",
        ("tests/scenarios/test_quarantine.py", *FAULTS, *PUBLISH),
    ),
    Mutation(
        "the bookmark is ahead of what was read",
        "replicate.py",
        'state={"bookmark": time_text(self.began - self.ahead)},',
        'state={"bookmark": time_text(self.began + timedelta(hours=2))},',
        ("tests/scenarios/test_windows.py", *INCREMENTAL),
    ),
    Mutation(
        "windows do not overlap",
        "replicate.py",
        "    return time_text(datetime.fromisoformat(state.bookmark) - OVERLAP)",
        "    return time_text(datetime.fromisoformat(state.bookmark))",
        ("tests/scenarios/test_windows.py", *INCREMENTAL),
    ),
    Mutation(
        "children of a parent that moved are not read again",
        "due.py",
        "or known.mark != mark_of(layout, partition, details=terms.details):",
        "or not known.mark:",
        INCREMENTAL,
    ),
    Mutation(
        "what the audit trail names is not read again",
        "due.py",
        " or terms.moved_since(partition.params.values(), known.listed_at)",
        "",
        INCREMENTAL,
    ),
    Mutation(
        "details are never read again",
        "extract.py",
        "known and mark and known.listed == mark and not details.is_due(known) else None",
        "known and mark else None",
        INCREMENTAL,
    ),
    Mutation(
        "a listing that moved counts as read",
        "replicate.py",
        "        sure = not (self.moved or self.figures.quarantined)",
        "        sure = True",
        INCREMENTAL + FAULTS + RESUME,
    ),
    Mutation(
        "children are read of a parent that could not be read",
        "lanes.py",
        "            if result.status not in _READ:",
        "            if False:",
        ("tests/scenarios/test_failures.py", *FAULTS),
    ),
    Mutation(
        "another workspace's token is taken",
        "run.py",
        "def same_workspace(target: Target, client: Client, ledger: Ledger) -> None:\n",
        "def same_workspace(target: Target, client: Client, ledger: Ledger) -> None:\n    return\n",
        ("tests/scenarios/test_failures.py", "tests/scenarios/test_places.py", *FAULTS),
    ),
    Mutation(
        "secrets are stored as they are",
        "masks.py",
        '                text = value.encode("utf-8", "surrogatepass")',
        "                return value",
        SECRETS,
    ),
    Mutation(
        "unknown fields are never secret",
        "encoder.py",
        "extra[name] = self.mask(record[name]) if masks.says_secret(name) else",
        "extra[name] = record[name] if masks.says_secret(name) else",
        SECRETS,
    ),
    Mutation(
        "the versions of a record overlap",
        "target/history.py",
        "    last = mark.last if in_step and mark else _last(connection, history)\n    moment = _after(now, last)",
        "    moment = now",
        HISTORY,
    ),
    Mutation(
        "push: a run overwrites what was edited",
        "target/publish.py",
        "*([self.base.updatable(published)] if self.base else [])",
        "*([])",
        EDITS,
    ),
    Mutation(
        "push: a run brings back what was deleted here",
        "target/publish.py",
        "                query = query.where(~self.base.unwanted(key, source))",
        "                pass",
        EDITS,
    ),
    Mutation(
        "push: a run buries what was edited",
        "target/publish.py",
        "alive = [self.table.c._deleted_at.is_(None), *([self.base.follows] if self.base else [])]",
        "alive = [self.table.c._deleted_at.is_(None)]",
        EDITS,
    ),
    Mutation(
        "push: what a run published is no base",
        "target/publish.py",
        "        merge.agree(counts, filled=filled)\n",
        "",
        EDITS,
    ),
    Mutation(
        "push: what the run wrote before is agreed on again",
        "target/base.py",
        "mine = (self.table.c._run_id == run_id, or_(self.table.c._synced_at == now, self.table.c._deleted_at == now))",
        "mine = (self.table.c._run_id == run_id,)",
        PUSH,
    ),
    Mutation(
        "push: what both sides deleted stays a wish",
        "target/publish.py",
        "        base.forget(self.connection, *gone)",
        "        pass",
        EDITS,
    ),
    Mutation(
        "push: a row without a base is overwritten",
        "target/base.py",
        "and_(~self.known, ~self.local, *equal))",
        "and_(~self.known, ~self.local))",
        EDITS,
    ),
    Mutation(
        "push: a lost write is sent again at once",
        "segment/client.py",
        "                case Again(why=why):\n                    return Lost(why)",
        "                case Again() as again:\n                    self._after(ask, again, attempt)",
        PUSH,
    ),
    Mutation(
        "push: a creation that was cut off is sent again",
        "sync/look.py",
        "        if intent is None or thing.name == RULES:",
        "        if True:",
        CAREFUL,
    ),
    Mutation(
        "push: a lost update is not looked at",
        "sync/sending.py",
        '            if state != "open":',
        "            if False:",
        PUSH,
    ),
    Mutation(
        "push: a deployment is forgotten",
        "sync/push.py",
        '(connection, step, "deploy")\n        error = self._read_back(step.id, record, deploys=deploys)\n        if',
        "\n        error = self._read_back(step.id, record, deploys=deploys)\n        if",
        PUSH,
    ),
    Mutation(
        "push: one bad rule costs the others",
        "sync/push_rules.py",
        "        if len(steps) > 1 and error.status in _ITEM:",
        "        if False:",
        PUSH,
    ),
    Mutation(
        "push: the rules are replaced as a set",
        "sync/written.py",
        '_ask("PATCH", "updateRulesInTrackingPlan"',
        '_ask("PUT", "replaceRulesInTrackingPlan"',
        PUSH,
    ),
    Mutation(
        "push: more rules than a request may have",
        "sync/written.py",
        "RULES_AT_ONCE = 200",
        "RULES_AT_ONCE = 2000",
        PUSH,
    ),
    Mutation(
        "push: a function's name grows",
        "sync/decide.py",
        '        return {**values, "display_name": name.removesuffix(suffix)}',
        "        return dict(values)",
        PUSH,
    ),
    Mutation(
        "push: an edit there gives way to a deletion here",
        "sync/decide.py",
        "    edited = any(not alike(remote.get(name), value) for name, value in base.items())",
        "    edited = False",
        PUSH,
    ),
    Mutation(
        "push: deletions without being asked",
        "sync/look.py",
        "        if not self.allowed.deletes:",
        "        if False:",
        PUSH,
    ),
    Mutation(
        "push: no guard against mass deletion",
        "sync/look.py",
        "        if deletes <= most:",
        "        if deletes >= 0:",
        PUSH,
    ),
    Mutation(
        "push: a plan is performed whatever moved",
        "sync/session.py",
        "    return (now.action, now.pin) == (planned.action, planned.pin)",
        "    return now.action == planned.action",
        PUSH,
    ),
    Mutation(
        "push: an edit made meanwhile is lost",
        "sync/settle.py",
        "            connection.execute(update(base.base).where(mine).values(**values))",
        "            self.forget(connection, edit.id)\n            self._copy(connection, edit.id)",
        PUSH,
    ),
    Mutation(
        "push: a write is answered with success, so it had its effect",
        "sync/push.py",
        "        ignored = self._ignored(step, record)",
        "        ignored: list[str] = []",
        CAREFUL,
    ),
    Mutation(
        "push: what Segment ignores is sent again and again",
        "sync/look.py",
        "        if not vain:",
        "        if True:",
        CAREFUL,
    ),
    Mutation(
        "push: a lost answer hides what somebody else did",
        "sync/sending.py",
        'return None if state == "done" else self.moved(step, journal_ids)',
        'return None if state == "done" else self.lost(step, journal_ids, answer.why)',
        CAREFUL,
    ),
    Mutation(
        "push: all records are looked at before the first is written",
        "sync/session.py",
        "        for steps in self.look.groups(self.sending.thing):",
        "        for steps in list(self.look.groups(self.sending.thing)):",
        CAREFUL,
    ),
    Mutation(
        "push: a plan takes with it what was edited in its rules there",
        "sync/look.py",
        "        if not edited:",
        "        if True:",
        CAREFUL,
    ),
    Mutation(
        "push: the rules of a plan that was deleted here follow",
        "due.py",
        "    if partition.mark == HELD:",
        "    if False:",
        CAREFUL,
    ),
    Mutation(
        "push: a listing that was begun before a deletion brings the record back",
        "sync/settle.py",
        "        State(self.ledger.books, self.target.place.scope).forget(connection, self.layout.object.name)\n",
        "",
        CAREFUL,
    ),
    Mutation(
        "push: a second row of one name takes over the first one's record",
        "sync/look.py",
        '        if edit.kind == "create" and record is not None and self._is_here(layout, record):',
        "        if False:",
        CAREFUL,
    ),
    Mutation(
        "push: what was cut off is taken for an edit of somebody else",
        "sync/look.py",
        "            if each.name in sent and holds(now, after) and not alike(now, before):",
        "            if False:",
        CAREFUL,
    ),
    Mutation(
        "push: a text that was taken away is left",
        "sync/decide.py",
        '    return "" if clears else value',
        "    return value",
        CAREFUL,
    ),
    Mutation(
        "a mask that the pages of a listing escape",
        "encoder.py",
        "if covers := self.layout.covers:",
        "if (covers := self.layout.covers) and False:",
        SECRETS + SELECTION,
    ),
    Mutation(
        "send what is masked here",
        "edits.py",
        "if field.name in layout.hidden:",
        "if False:",
        SELECTION,
    ),
    Mutation(
        "compare what is masked here with what is not",
        "sync/look.py",
        "masks.covered(record, layout.covers, self.mask)",
        "record",
        SELECTION,
    ),
    Mutation(
        "take a record that does not pass for a deleted one",
        "target/publish.py",
        "merge.remove_unwanted()",
        "pass",
        SELECTION,
    ),
    Mutation(
        "leave children unread under other conditions",
        "due.py",
        "layout.reach, details",
        "layout.token, details",
        SELECTION,
    ),
    Mutation(
        "forget what columns are called",
        "run.py",
        "    names.keep(target, [",
        "    list([",
        NAMES,
    ),
    Mutation(
        "blank the column of a field that vanished",
        "target/publish.py",
        "values |= {name: self.table.c[name] for name in vanished}",
        "values |= {}",
        DRIFT,
    ),
)
