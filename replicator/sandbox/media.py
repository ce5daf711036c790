"""Which version of the API answers: chosen by `Accept`, not by the path (resources.md, "Versions and media types")."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .messages import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The SDKs' spelling and the docs page's spelling of the same versions.
_SPELLINGS = {
    "v1": "v1", "v1beta": "v1beta", "v1alpha": "v1alpha",
    "stable": "v1", "beta": "v1beta", "alpha": "v1alpha",
}  # fmt: skip
_VENDOR = re.compile(r"application/vnd\.segment\.(\w+)\+json")
_PLAIN = "application/json"


def negotiate(accept: str, versions: Sequence[str]) -> tuple[str, str]:
    """The version and the content type of the answer.

    `versions` come most stable first. Asking only for versions that the operation does not have is answered
    by 404, as for a path that does not exist (assumed: no source says what the server does).
    """
    named = _VENDOR.findall(accept.lower())
    for name in named:
        if _SPELLINGS.get(name) in versions:
            return _SPELLINGS[name], f"application/vnd.segment.{name}+json"
    if named and _PLAIN not in accept and "*/*" not in accept:
        raise Refusal(404, "NotFound", f"Not available in {', '.join(named)}")
    return versions[0], _PLAIN
