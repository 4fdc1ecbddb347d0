"""Seeded random decisions without a shared generator.

The numbers that a thread gets from a shared generator depend on the scheduling of all threads. Here a decision is
a pure function of the seed and its subject (a call number, an item, a purpose), so it is reproducible in any
order.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

Choice = TypeVar("Choice")


def seeded_fraction(seed: int, *subject: object) -> float:
    """Return a number in [0, 1), uniformly distributed over the values of ``subject``."""
    digest = hashlib.blake2b(repr((seed, subject)).encode(), digest_size=7).digest()
    # 53 of the 56 bits, the precision of a float, so that the result cannot round up to 1.
    return (int.from_bytes(digest) >> 3) / 2**53


def seeded_choice(options: Sequence[Choice], seed: int, *subject: object) -> Choice:
    """Return one of ``options`` with equal probability. Raises ValueError if there are none."""
    if not options:
        raise ValueError("there are no options to choose from")
    return options[int(seeded_fraction(seed, *subject) * len(options))]
