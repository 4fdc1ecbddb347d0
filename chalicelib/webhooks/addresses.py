"""The addresses that a webhook may reach: public unicast addresses, and no others.

Of IPv6, only 2000::/3 is assigned for that; all ranges that embed or translate IPv4 addresses are outside of it,
or excluded here. The special-purpose registries of IANA (RFC 6890) are the source. `ipaddress.is_global` is not
enough: it is true for multicast, 6to4 and NAT64, and depends on the version of Python.
"""

from __future__ import annotations

import ipaddress

_REFUSED_IPV4 = [
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network, and the unspecified address
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and the metadata of EC2 and of containers
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
]
_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_IPV6 = [
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
]


def is_public(address: str) -> bool:
    """Return whether a webhook may reach an address, as `getaddrinfo` returns it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _REFUSED_IPV4)
    return parsed in _PUBLIC_IPV6 and not any(parsed in network for network in _REFUSED_IPV6)


def is_loopback(address: str) -> bool:
    """Return whether an address is on this machine, which a local run allows."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
