"""One line of text on how an image was made, for formats that keep little."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MADE_UP = b"Pellucid, generated=True"


def signature(provenance: Mapping[str, Any], length: int) -> bytes:
    """Return what fits of the provenance, in ASCII.

    Examples
    --------
    >>> signature({"generated": True, "method": "cryogan"}, 40)
    b'Pellucid, generated=True, method=cryogan'
    """
    text = ", ".join(["Pellucid", *(f"{key}={value}" for key, value in provenance.items())])
    return text.encode("ascii", "replace")[:length]


def told(line: bytes) -> dict[str, Any]:
    """Return what is read back of a signature: whether a network made up a part of the image.

    Examples
    --------
    >>> told(b"Pellucid, generated=True, met"), told(b"Pellucid, method=cryogan")
    ({'generated': True}, {})
    """
    return {"generated": True} if line.startswith(_MADE_UP) else {}
