"""Names that people give to things, the awkward ones included."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replicator.sandbox.draws import Draw

#: What every secret and all code begin with that are made up here, and nothing else has.
FAKE_SECRET, FAKE_CODE = "FakeSecret", "FakeCode"
SOURCES = (
    "Website", "website", "iOS App 📱", "Android App", 'Checkout "v2" Service', "Warehouse Models",
    "Büro München", "Support Desk ", "日本語サイト", "Billing → Stripe", "Marketing Site's Blog", "CRM Export",
)  # fmt: skip
PLANS = (
    "Ecommerce", "Mobile Apps 📱", "ecommerce", 'B2B "Core" Plan', "Señales de marketing", "Shared Properties ",
)  # fmt: skip
PEOPLE = (
    ("Ana Souza", "ana.souza"), ("Björn Lindqvist", "bjorn"), ("Chloé d'Aubigné", "chloe.daubigne"),
    ("Deepak Rao", "deepak.rao"), ("Emi 田中", "emi.tanaka"), ("", "finance-bot"), ("Grace O'Neill", "grace"),
    ("Hassan Al-Amin", "Hassan.AlAmin"), ("Ines Müller", "ines"), ("João Pereira", "joao+segment"),
    ("Kim 🌲 Park", "kim.park"), ("Liam Brown ", "liam.brown"),
)  # fmt: skip
GROUPS = ("Analytics", "Data Engineering", "Marketing 🎯", "marketing 🎯", "Contractors (read-only)", "Équipe Produit")
TEAMS = ("Growth", "Retail", "Payments", "Logistics", "Loyalty", "Field", "Search", "Support", "Wholesale", "Trips")
SURFACES = ("Web", "iOS", "Android", "Backend", "Kiosk", "Worker", "Portal", "Newsletter")
STAGES = ("Production", "Staging", "Development", "Sandbox")

_DIGITS = "0123456789"

_THINGS = (
    "Order", "Product", "Cart", "Checkout", "Payment", "Trip", "Booking", "Coupon", "Article", "Video", "Account",
    "Invoice", "Subscription", "Store", "Review", "Wishlist", "Shipment", "Return", "Search", "Support Ticket",
)  # fmt: skip
_DEEDS = (
    "Completed", "Viewed", "Started", "Updated", "Removed", "Failed", "Shared", "Refunded", "Clicked", "Added",
    "Cancelled", "Opened",
)  # fmt: skip
#: Each differs from its neighbour in what databases like to ignore: case, a trailing space, an accent.
_AWKWARD = ("Signed Up", "signed up", "Signed Up ", "Café Visité", "Cafe Visite", "In/Out 50% 🎉", 'Said "Hello"')

PROPERTIES = (
    ("order_id", "string"), ("total", "number"), ("currency", "string"), ("quantity", "integer"),
    ("email", "string"), ("is_member", "boolean"), ("plan", "string"), ("discount", "number"),
    ("items", "array"), ("address", "object"), ("sent_at", "string"), ("Größe", "string"),
    ("order id", "string"), ("score", "number"), ("tags", "array"), ("locale", "string"),
)  # fmt: skip


def event(index: int) -> str:
    """The name of the event with this index; no two are the same."""
    if index < len(_AWKWARD):
        return _AWKWARD[index]
    turn, place = divmod(index - len(_AWKWARD), len(_THINGS) * len(_DEEDS))
    name = f"{_THINGS[place % len(_THINGS)]} {_DEEDS[place // len(_THINGS)]}"
    return f"{name} {turn + 1}" if turn else name


def property_of(index: int) -> tuple[str, str]:
    turn, place = divmod(index, len(PROPERTIES))
    name, kind = PROPERTIES[place]
    return (f"{name}_{turn + 1}" if turn else name), kind


def name(draw: Draw, known: Sequence[str], index: int) -> str:
    """The first records have names of their own, the rest a team's."""
    if index < len(known):
        return known[index]
    return f"{draw.pick(TEAMS)} {draw.pick(SURFACES)} {draw.pick(STAGES)} {index + 1}"


def slug(text: str, index: int) -> str:
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in text.lower()).split()
    return "-".join([*words, str(index + 1)]) if index else "-".join(words)


def person(index: int) -> tuple[str, str]:
    """Name and e-mail address."""
    turn, place = divmod(index, len(PEOPLE))
    full, box = PEOPLE[place]
    return (f"{full} {turn + 1}" if turn and full else full), f"{box}{turn + 1 if turn else ''}@acme-outdoors.example"


def person_of(email: str) -> int | None:
    """The index of the person with this address."""
    box, at, host = email.partition("@")
    name = box.rstrip(_DIGITS)
    turn = box[len(name) :]
    known = [own for _, own in PEOPLE]
    if f"{at}{host}" != "@acme-outdoors.example" or name not in known:
        return None
    index = known.index(name) + len(known) * (int(turn) - 1 if turn else 0)
    return index if index >= 0 and person(index)[1] == email else None


def secret(draw: Draw) -> str:
    """32 letters and digits, as a write key has; whoever hunts for leaks finds it by its first word."""
    return FAKE_SECRET + draw.text(32)[len(FAKE_SECRET) :]


def masked(draw: Draw) -> str:
    """A secret as the API returns it: bullets (resources.md, "Reads that bite"), at times with its last letters."""
    return "•" * (8 + draw.below(17)) + (draw.text(4) if draw.happens(40) else "")
