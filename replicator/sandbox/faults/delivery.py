"""How an answer comes, or does not: what the server does on the wire, and what a caller in process sees of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from replicator.sandbox.messages import Delivery, Response

    from .model import Fault


def delay(fault: Fault, delivery: Delivery) -> Delivery:
    return replace(delivery, delay=delivery.delay + fault.value)


def drip(fault: Fault, delivery: Delivery) -> Delivery:
    return replace(delivery, bytes_per_second=fault.value)


def truncate(fault: Fault, delivery: Delivery) -> Delivery:
    return replace(
        delivery,
        cut_at=fault.value,
        framing=fault.options.get("framing", "length"),
        ending=fault.options.get("ending", "close"),
    )


def reset(_fault: Fault, delivery: Delivery) -> Delivery:
    return replace(delivery, ending="reset", silent=True)


def lose_response(fault: Fault, delivery: Delivery) -> Delivery:
    return replace(delivery, delay=delivery.delay + fault.options.get("hang", 0), ending="close", silent=True)


def large_body(fault: Fault, delivery: Delivery) -> Delivery:
    return replace(delivery, padding=fault.value)


def in_process(response: Response, sleep: Callable[[float], None]) -> Response:
    """The answer for a caller without a wire; ConnectionError where the wire would have broken.

    What is cut in a way that no client can notice is cut; a cut that breaks the framing is an error.
    """
    delivery = response.delivery
    if delivery is None:
        return response
    body = response.body + b" " * delivery.padding
    sent = body if delivery.cut_at is None else body[: delivery.cut_at]
    sleep(delivery.delay + (len(sent) / delivery.bytes_per_second if delivery.bytes_per_second else 0))
    if delivery.silent and delivery.ending == "reset":
        raise ConnectionResetError("the sandbox reset the connection")
    if delivery.silent:
        raise ConnectionAbortedError("the sandbox closed the connection without an answer")
    if len(sent) < len(body) and (delivery.framing != "close" or delivery.ending == "reset"):
        raise ConnectionAbortedError(f"the sandbox cut the body after {len(sent)} bytes")
    return replace(response, body=sent, delivery=None)
