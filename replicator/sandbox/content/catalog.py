"""The integrations that Segment offers. They are global: the same for each workspace and each seed."""

from __future__ import annotations

from typing import Any

from replicator.sandbox.draws import Draw
from replicator.sandbox.ids import Ids
from replicator.sandbox.series import Record, Series
from replicator.sandbox.world import World, collection

_SOURCES = (
    ("Javascript", "javascript", "Website"), ("iOS", "ios", "Mobile"), ("Android", "android", "Mobile"),
    ("Node.js", "node.js", "Server"), ("Python", "python", "Server"), ("Snowflake", "snowflake", "Reverse ETL"),
    ("HTTP API", "http-api", "Server"), ("Zendesk", "zendesk", "Helpdesk"), ("Stripe", "stripe", "Payments"),
    ("Salesforce", "salesforce", "CRM"), ("Kotlin", "kotlin", "Mobile"), ("BigQuery", "bigquery", "Reverse ETL"),
    ("Shopify (by Littledata)", "shopify-littledata", "E-commerce"), ("Twilio", "twilio", "SMS & Push"),
)  # fmt: skip
_DESTINATIONS = (
    ("Amplitude (Actions)", "actions-amplitude", "Analytics"), ("Google Analytics 4", "actions-ga4", "Analytics"),
    ("Braze Cloud Mode", "actions-braze-cloud", "SMS & Push"), ("Amazon Kinesis", "amazon-kinesis", "Raw Data"),
    ("Mixpanel (Actions)", "actions-mixpanel", "Analytics"), ("Slack (Actions)", "actions-slack", "Chat"),
    ("Facebook Conversions", "actions-facebook-conversions-api", "Advertising"),
    ("Customer.io", "actions-customerio", "Email"), ("HubSpot", "actions-hubspot-cloud", "CRM"),
    ("Webhooks", "webhooks", "Raw Data"), ("Intercom", "intercom", "Livechat"), ("FullStory", "fullstory", "Heatmaps"),
)  # fmt: skip
_WAREHOUSES = ("Snowflake", "BigQuery", "Redshift", "Postgres", "Databricks", "Azure SQL Data Warehouse")
_ACTIONS = (
    ("Track Event", "trackEvent", 'type = "track"'), ("Identify User", "identifyUser", 'type = "identify"'),
    ("Group User", "groupUser", 'type = "group"'), ("Sync Audience", "syncAudience", None),
)  # fmt: skip
_FIELDS = (
    ("user_id", "User ID", "STRING", True), ("event_name", "Event Name", "STRING", True),
    ("event_properties", "Event Properties", "OBJECT", False), ("time", "Timestamp", "DATETIME", False),
    ("enable_batching", "Use Batch API", "BOOLEAN", False),
)  # fmt: skip


@collection
def catalog_sources(world: World) -> Series:
    ids = Ids.of(0, "catalog source")

    def make(index: int) -> Record:
        name, slug, category = _named(_SOURCES, index)
        draw = Draw(0, "catalog source", index)
        return {
            "id": ids[index],
            "name": name,
            "slug": slug,
            "description": f"Collect data from {name} and send it wherever you need it.",
            "logos": _logos(draw, slug),
            "options": [_option("apiKey", "string", "API Key", required=True)] if index % 3 == 0 else [],
            "categories": [category],
            "isCloudEventSource": category in ("Helpdesk", "Payments", "CRM"),
            "status": draw.pick(("PUBLIC", "PUBLIC", "PUBLIC_BETA", "DEPRECATED")),
            **({"partnerOwned": True} if draw.happens(30) else {}),
        }

    return Series(world.count("CatalogSources"), make, ids)


@collection
def catalog_warehouses(world: World) -> Series:
    ids = Ids.of(0, "catalog warehouse")

    def make(index: int) -> Record:
        name = _named(tuple((w, w.lower().replace(" ", "-"), "") for w in _WAREHOUSES), index)
        draw = Draw(0, "catalog warehouse", index)
        return {
            "id": ids[index],
            "name": name[0],
            "slug": name[1],
            "description": f"Powered by {name[0]}",
            "logos": _logos(draw, name[1]),
            "options": [
                _option("hostname", "string", "Host", required=True),
                _option("port", "number", "Port", required=True, default=5432 + index),
                _option("password", "password", "Password", required=True),
                _option("useSsh", "boolean", "Use SSH tunnel", default=False),
            ],
        }

    return Series(world.count("CatalogWarehouses"), make, ids)


@collection
def catalog_destinations(world: World) -> Series:
    ids = Ids.of(0, "catalog destination", "hex")
    action_ids = Ids.of(0, "catalog action")

    def make(index: int) -> Record:
        name, slug, category = _named(_DESTINATIONS, index)
        draw = Draw(0, "catalog destination", index)
        actions = [_action(action_ids, index, place) for place in range(_action_count(slug))]
        return {
            "id": ids[index],
            "name": name,
            "description": f"{name} receives events from Segment. Écrit par l'équipe “Partners”.",
            "slug": slug,
            "logos": _logos(draw, slug),
            "options": [
                _option("apiKey", "string", "API Key", required=True),
                _option("fieldMap", "text-map", "Field Map", default={}),
                _option("sampleRate", "number", "Sample Rate", default=100),
            ],
            "status": draw.pick(("PUBLIC", "PUBLIC", "PUBLIC_BETA")),
            "previousNames": [name, name.partition(" (")[0]] if "(" in name else [name],
            "categories": [category],
            "website": f"https://www.{slug}.example",
            "components": _components(slug),
            **_support(draw, actions=bool(actions)),
            "actions": actions,
            "presets": [_preset(action) for action in actions[:2]],
            **_ownership(draw, slug),
        }

    return Series(world.count("CatalogDestinations"), make, ids)


def _named(known: tuple[tuple[str, str, str], ...], index: int) -> tuple[str, str, str]:
    turn, place = divmod(index, len(known))
    name, slug, category = known[place]
    return (f"{name} {turn + 1}", f"{slug}-{turn + 1}", category) if turn else (name, slug, category)


def _logos(draw: Draw, slug: str) -> Record:
    base = f"https://logos.segment.example/{slug}"
    logos: Record = {"default": f"{base}-default.svg"}
    if draw.happens(80):
        logos["mark"] = f"{base}-mark.svg"
    if draw.happens(50):
        # Null is another thing than absent (resources.md, "Reads that bite"): both occur.
        logos["alt"] = None if draw.happens(50) else f"{base}-alt.svg"
    return logos


def _option(name: str, kind: str, label: str, *, required: bool = False, default: Any = None) -> Record:
    option: Record = {"name": name, "type": kind, "required": required, "label": label}
    option["description"] = f"The {label} of your account."
    return option | ({} if default is None else {"defaultValue": default})


def _action_count(slug: str) -> int:
    return 2 + len(slug) % 3 if slug.startswith("actions-") else 0


def _action(ids: Ids, destination: int, place: int) -> Record:
    name, slug, trigger = _ACTIONS[place]
    return {
        "id": ids[destination * len(_ACTIONS) + place],
        "slug": slug,
        "name": name,
        "description": f"{name} in the tool.",
        "platform": "CLOUD",
        "hidden": trigger is None,
        "defaultTrigger": trigger,
        "fields": [_field(ids, destination, place, order) for order in range(3 + place % 3)],
    }


def _field(ids: Ids, destination: int, action: int, order: int) -> Record:
    key, label, kind, required = _FIELDS[order]
    return {
        "id": ids[1_000_000 + (destination * len(_ACTIONS) + action) * len(_FIELDS) + order],
        "sortOrder": order,
        "fieldKey": key,
        "label": label,
        "type": kind,
        "description": f"The {label.lower()} that is sent.",
        "defaultValue": {"@path": f"$.{key}"} if required else None,
        "required": required,
        "multiple": False,
        "choices": None,
        "dynamic": False,
        "allowNull": not required,
    }


def _preset(action: Record) -> Record:
    fields = {field["fieldKey"]: field["defaultValue"] for field in action["fields"]}
    trigger = action["defaultTrigger"] or 'type = "track"'
    return {"actionId": action["id"], "name": action["name"], "fields": fields, "trigger": trigger}


def _components(slug: str) -> list[Record]:
    code = f"https://github.com/segmentio/action-destinations/tree/main/{slug}"
    return [{"type": "SERVER", "code": code, "owner": "SEGMENT"}, {"type": "BROWSER", "code": code}]


def _support(draw: Draw, *, actions: bool) -> Record:
    return {
        "supportedFeatures": {
            "cloudModeInstances": "MULTIPLE" if actions else "SINGLE",
            "deviceModeInstances": draw.pick(("0", "1", "NONE", "SINGLE")),
            "replay": draw.happens(50),
            "browserUnbundling": True,
            "browserUnbundlingPublic": draw.happens(50),
        },
        "supportedMethods": {
            "pageview": True, "identify": True, "alias": draw.happens(30), "track": True, "group": draw.happens(60),
        },
        "supportedPlatforms": {
            "browser": True, "server": True, "mobile": draw.happens(50),
            "warehouse": actions, "linkedAudiences": actions,
        },
    }  # fmt: skip


def _ownership(draw: Draw, slug: str) -> Record:
    if not draw.happens(40):
        return {}
    return {
        "contacts": [{"name": "Partners", "email": f"partners@{slug}.example", "role": "support", "isPrimary": True}],
        "partnerOwned": True,
        "supportedRegions": ["us-west-2", "eu-west-1"],
        "regionEndpoints": ["US", "EU"],
    }
