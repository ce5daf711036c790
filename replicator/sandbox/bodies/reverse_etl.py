"""Reverse-ETL models, their syncs, and dbt."""

from __future__ import annotations

from replicator.sandbox.shapes import FLAG, NUMBER, TEXT, Fields, Parts, Shape

_MODEL: Parts = {"name": TEXT, "description": TEXT, "enabled": FLAG, "query": TEXT, "queryIdentifierColumn": TEXT}

BODIES: dict[str, Shape] = {
    "createReverseEtlModel": Fields({"sourceId": TEXT, **_MODEL}),
    "updateReverseEtlModel": Fields({}, _MODEL),
    "createReverseEtlManualSync": Fields({"sourceId": TEXT, "modelId": TEXT, "subscriptionId": TEXT}),
    "cancelReverseEtlSyncForModel": Fields({}, {"reasonForCanceling": NUMBER}),
    "createDbtModelSyncTrigger": Fields({"sourceId": TEXT}),
}
