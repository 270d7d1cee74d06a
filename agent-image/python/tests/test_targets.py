"""Connections are judged when they are made, whoever makes them."""

import json
import os
import subprocess
import sys

import pytest

from loads.targets import NotAllowed, Targets

SOURCE = os.path.join(os.path.dirname(__file__), "..", "src")


def allows(allow, address):
    try:
        Targets(allow).judge(address)
    except NotAllowed:
        return False
    return True


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1%eth0", "::ffff:169.254.1.1", "fd00:ec2::254"])
@pytest.mark.parametrize("allow", [[], ["0.0.0.0/0", "::/0"]])
def test_metadata_addresses_are_refused_whatever_is_allowed(address, allow):
    assert not allows(allow, address)


def test_networks_and_addresses_cover_what_they_say():
    allow = ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"]
    for address in ["10.2.3.4", "::ffff:10.2.3.4", "2001:db8::1", "192.0.2.7"]:
        assert allows(allow, address), address
    for address in ["11.0.0.1", "2001:db9::1", "192.0.2.8"]:
        assert not allows(allow, address), address
    assert allows([], "203.0.113.7")


def test_names_and_domains_cover_the_addresses_they_resolved_to():
    targets = Targets(["shop", "*.test.svc"])
    assert targets.names("SHOP.") and targets.names("a.test.svc")
    assert not targets.names("test.svc") and not targets.names("eviltest.svc")
    targets.resolved("shop", {"203.0.113.7"})
    targets.resolved("elsewhere", {"203.0.113.8"})
    targets.judge("203.0.113.7")
    with pytest.raises(NotAllowed, match="--allow-target"):
        targets.judge("203.0.113.8")


PROGRAM = """
import json, sys
patching, allow, url = json.loads(sys.argv[1])
if patching:
    from gevent import monkey
    monkey.patch_all()
from loads import targets
targets.enforce(allow)
import requests
from loads.errors import kind_of, was_sent
try:
    print(requests.get(url, timeout=10).status_code)
except requests.RequestException as error:
    print(kind_of(error), was_sent(error))
"""


def ask(*words):
    command = [sys.executable, "-c", PROGRAM, json.dumps(words)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": SOURCE}, capture_output=True, text=True)
    return done.stdout.strip() or done.stderr


@pytest.mark.parametrize("patching", [True, False])
def test_a_request_to_what_is_not_allowed_is_never_sent(server, patching):
    assert ask(patching, ["10.0.0.0/8"], server.url + "/ok") == "not-allowed False"
    assert ask(patching, ["127.0.0.0/8"], server.url + "/ok") == "200"
    by_name = server.url.replace("127.0.0.1", "localhost") + "/ok"
    assert ask(patching, ["localhost"], by_name) == "200"
    assert ask(patching, ["elsewhere"], by_name) == "not-allowed False"
