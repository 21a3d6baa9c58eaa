"""The guard that every test runs under: nothing leaves the machine."""

from __future__ import annotations

import socket
import urllib.request

import pytest


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_no_test_reaches_another_machine(family):
    with socket.socket(family) as one, pytest.raises(pytest.fail.Exception):
        one.connect(("127.0.0.1", 9))
    with socket.socket(family, socket.SOCK_DGRAM) as one, pytest.raises(pytest.fail.Exception):
        one.sendto(b"", ("127.0.0.1", 9))


def test_no_test_asks_for_an_address():
    with pytest.raises(pytest.fail.Exception):
        urllib.request.urlopen("https://example.org")
