"""Find out at once that there is no network, instead of after a minute of retries."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from urllib.request import getproxies


@contextmanager
def offline_if_cut_off() -> Iterator[None]:
    """Let the hub's client use its cache alone where the hub's name cannot be resolved."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or _cut_off(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _cut_off(endpoint: str) -> bool:
    if getproxies():
        # Behind a proxy only the proxy knows names.
        return False
    try:
        socket.getaddrinfo(urlsplit(endpoint).hostname, 443)
    except OSError:
        return True
    return False
