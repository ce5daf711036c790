"""What rows may hold: hostile text, keys that look alike, secrets, records that no row can hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from replicator.target.stage import Batch
from replicator.target.state import Checkpoint
from tests.contract.replica import RULES, Replica, plan

Make = Callable[..., Replica]
ALIKE = [
    "Signed Up",
    "signed up",
    "Signed Up ",
    "Signed Up\t",
    "Signed Up\n",
    "é",
    "e\u0301",
    "ß",
    "ss",
    "😀",
    "😁",
    "a",
    "a ",
]
ALIKE += ["\\", "'", '"', "%s", ":name", "NULL", "0", "00"]


def test_ids_that_look_alike_stay_different(plans_replica: Replica) -> None:
    counts = plans_replica.load([{"id": key, "name": key} for key in ALIKE])
    assert (counts.inserted, counts.duplicates) == (len(ALIKE), 0)
    assert {key: row["name"] for key, row in plans_replica.rows().items()} == {key: key for key in ALIKE}
    assert plans_replica.load([{"id": key, "name": key} for key in ALIKE]).unchanged == len(ALIKE)


def test_natural_keys_that_look_alike_stay_different_and_one_and_one_point_nought_are_one(make: Make) -> None:
    replica = make(RULES)
    rules: list[dict[str, Any]] = [{"type": "TRACK", "key": key, "version": 1} for key in ALIKE]
    rules += [{"type": "TRACK", "version": 1}, {"type": "TRACK", "version": 2}, {"type": "TRACK", "version": "x"}]
    rules += [{"type": "TRACK", "version": "y"}, {"type": "TRACK", "key": "x" * 5000, "version": 1}]
    assert replica.load_partitions({"p1": rules, "p2": []}).inserted == len(rules)
    again = [rule | {"version": 1.0} if rule["version"] == 1 else rule for rule in rules]
    counts = replica.load_partitions({"p1": again, "p2": []})
    assert (counts.records, counts.inserted) == (len(rules), 0)


@pytest.mark.parametrize("size", [70_000, 2_000_000])
def test_long_text_comes_back(plans_replica: Replica, size: int) -> None:
    text = ("naïve 😀\t\n\\'\"" * size)[:size]
    plans_replica.load([plan(1, name=text, tags=[text])])
    (record,) = plans_replica.records()
    assert (record["name"], record["tags"]) == (text, [text])


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"name": "x"}, "no id"),
        ({"id": ""}, "no id"),
        ({"id": None}, "no id"),
        ({"id": ["a"]}, "no id"),
        ({"id": "x" * 256}, "longer than 255"),
        ({"id": "a\0"}, "no database can index"),
        ("text", "not a JSON object"),
    ],
)
def test_a_record_without_a_usable_key_is_quarantined_whole(plans_replica: Replica, record: Any, why: str) -> None:
    plans_replica.load([plan(1), record])
    with plans_replica.target.reading() as connection:
        (row,) = plans_replica.quarantine.rows(connection, "Plans")
    assert why in row["reason"]
    assert list(plans_replica.rows()) == ["plan_0001"]


def test_a_record_nested_too_deep_is_quarantined(plans_replica: Replica) -> None:
    deep: Any = []
    for _ in range(120):
        deep = [deep]
    plans_replica.load([plan(1, tags=deep), plan(2)])
    assert list(plans_replica.rows()) == ["plan_0002"]


def test_an_id_that_turns_into_a_number_keeps_its_row(plans_replica: Replica) -> None:
    plans_replica.load([{"id": "5", "name": "five"}])
    assert plans_replica.load([{"id": 5, "name": "five"}]).updated == 1
    (record,) = plans_replica.records()
    assert record == {"id": 5, "name": "five"}


CANARIES = [f"canary-{at}-sesame" for at in range(8)]


def test_no_secret_lies_anywhere_in_the_database(plans_replica: Replica) -> None:
    one, two, three, four, five, six, seven, eight = CANARIES
    records: list[Any] = [
        plan(1, settings={"apiKey": one, "on": True, "nothing": None, "list": [two, 5]}, writeKeys=[three]),
        plan(2, webhookUrl={"unexpected": four}),
        plan(3, clientSecret=five, nested={"deep": [{"password": six}]}),
        {"settings": {"key": seven}, "apiToken": eight, "name": "no id"},
        plan(4, settings=f"\0{one}", webhookUrl=f"\0{two}"),
        plan(5, **{"$absent": 1, "accessKey": three}),
    ]
    stage = plans_replica.staged(records)
    assert not [each for each in CANARIES if each in plans_replica.everything()]
    plans_replica.publish(stage)
    everything = plans_replica.everything()
    assert not [each for each in CANARIES if each in everything]
    assert '"on":true' in everything.replace(" ", "")
    assert '"nothing":null' in everything.replace(" ", "")


def test_a_changed_secret_shows_as_an_update(plans_replica: Replica) -> None:
    plans_replica.load([plan(1, settings={"key": "one"})])
    assert plans_replica.load([plan(1, settings={"key": "one"})]).unchanged == 1
    assert plans_replica.load([plan(1, settings={"key": "two"})]).updated == 1


def test_an_unknown_field_is_kept_and_noted(plans_replica: Replica) -> None:
    encoder = plans_replica.encoder()
    list(encoder.encode([plan(1, color="red", count="many")], plain=False, given={}, partition=None))
    assert encoder.drift == {"color": "unknown to the catalog", "count": "a text that its column cannot hold"}


@pytest.mark.kinds("postgresql", "mariadb", "mysql")  # SQLite refuses no value of a row
def test_a_row_that_the_database_refuses_is_quarantined_and_the_others_stay(plans_replica: Replica) -> None:
    stage = plans_replica.stage()
    stage.begin(status="reading")
    rows, _ = plans_replica.encode([plan(at) for at in range(20)])
    names = [name for name, _ in plans_replica.layout.staged]
    broken = list(rows[7])
    broken[names.index("count")] = 2**70
    rows[7] = tuple(broken)
    assert stage.append(Batch([stage.pack(rows[:10])], [], [Checkpoint("", "c", 10, 1, 10)])) == 1
    assert stage.append(Batch([stage.pack(rows[10:])], [], [Checkpoint("", None, 20, 2, 20, done=True)])) == 0
    counts = plans_replica.publish(stage, "none")
    assert (counts.inserted, counts.live) == (19, 19)
    with plans_replica.target.reading() as connection:
        (row,) = plans_replica.quarantine.rows(connection)
    assert "plan_0007" in row["record"]


@pytest.mark.kinds("postgresql", "mariadb", "mysql")  # as above
def test_a_batch_of_nothing_but_a_refused_row_leaves_the_object_empty(plans_replica: Replica) -> None:
    stage = plans_replica.stage()
    stage.begin(status="reading")
    ((key, *values),), _ = plans_replica.encode([plan(1)])
    values[[name for name, _ in plans_replica.layout.staged].index("count") - 1] = 2**70
    assert stage.append(Batch([stage.pack([(key, *values)])], [], [Checkpoint("", None, 1, 1, 1, done=True)])) == 1
    counts = plans_replica.publish(stage, "none")
    assert (counts.inserted, counts.live) == (0, 0)


@pytest.mark.kinds("mariadb", "mysql")
def test_without_local_infile_rows_are_inserted(make: Make, database: Any) -> None:
    from tests.contract.replica import replica

    slow = replica(database.url + "?local_infile=0")
    slow.load([plan(at, name="a\\b\t\n'") for at in range(50)])
    assert {row["name"] for row in slow.rows().values()} == {"a\\b\t\n'"}
    slow.target.close()


@pytest.mark.kinds("mariadb", "mysql")
def test_a_server_gets_no_file_that_was_not_offered(plans_replica: Replica) -> None:
    plans_replica.execute("CREATE TABLE stolen (line TEXT)")
    with pytest.raises(DBAPIError), plans_replica.target.transaction() as connection:
        connection.exec_driver_sql("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE stolen")
    with plans_replica.target.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM stolen").scalar() == 0


@pytest.mark.kinds("mariadb", "mysql")
def test_nor_another_than_the_one_that_was_offered(plans_replica: Replica) -> None:
    plans_replica.execute("CREATE TABLE stolen (line TEXT)")
    with plans_replica.target.transaction() as connection:
        driver: Any = connection.connection.driver_connection
        with driver.offering(b"ours"), pytest.raises(DBAPIError):
            connection.exec_driver_sql("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE stolen")
    with plans_replica.target.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM stolen").scalar() == 0
