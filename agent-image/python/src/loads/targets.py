"""What load may go to: every connection of a worker is judged when it is made, after DNS and after redirects.

The same rules as the agent's own. A test that wants to get round them can; the cluster's network policy is what
holds it then. This is for tests that mean well, and for a clear word where the network would only be silent.
"""

import ipaddress
import socket
import sys

_NEVER = [
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16", "fe80::/10",
        # Metadata services of clouds outside the link-local networks.
        "100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::254/128",
    )
]
# Addresses that are remembered for allowed names; a test may look up endless different ones.
_MAX_REMEMBERED = 10_000


class NotAllowed(PermissionError):
    """Load may not go to this address."""


class Targets:
    """The operator's list."""

    def __init__(self, allow):
        self._all = not allow
        self._shown = ", ".join(allow)
        self._names = {_plain(entry) for entry in allow}
        self._domains = tuple(entry[1:].lower() for entry in allow if entry.startswith("*."))
        self._networks = [network for network in map(_network, allow) if network]
        self._addresses = set()

    def names(self, host):
        """Whether the list has this name, or the domain that it is in."""
        host = _plain(host)
        return host in self._names or host.endswith(self._domains)

    def resolved(self, host, addresses):
        """Notes the addresses of a name that the list has."""
        if self.names(host):
            if len(self._addresses) > _MAX_REMEMBERED:
                self._addresses.clear()
            self._addresses.update(addresses)

    def judge(self, address):
        """Raises `NotAllowed` for an address that load may not go to."""
        ip = _ip(address)
        if ip is None:
            # A name that nobody resolved yet: its addresses can only be judged here.
            for found in {info[4][0] for info in socket.getaddrinfo(address, None)}:
                self.judge(found)
            return
        if any(ip in network for network in _NEVER):
            raise NotAllowed(f"{ip} is a link-local or metadata address, which no load test may reach")
        if self._all or str(ip) in self._addresses or any(ip in network for network in self._networks):
            return
        raise NotAllowed(
            f"{ip} is not on the operator's list of allowed targets ({self._shown}): ask its administrator to add it "
            "with --allow-target"
        )


def enforce(allow):
    """Judges all connections of this process from now on."""
    targets = Targets(allow)
    look_up = socket.getaddrinfo

    def getaddrinfo(host, *arguments, **options):
        found = look_up(host, *arguments, **options)
        if isinstance(host, (str, bytes)):
            name = host.decode() if isinstance(host, bytes) else host
            targets.resolved(name, {str(_ip(info[4][0]) or info[4][0]) for info in found})
        return found

    def hook(event, arguments):
        if event == "socket.connect" and isinstance(arguments[1], tuple):
            targets.judge(arguments[1][0])

    socket.getaddrinfo = getaddrinfo
    sys.addaudithook(hook)


def _plain(host):
    return host.strip("[]").rstrip(".").lower()


def _ip(text):
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def _network(entry):
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None
