"""Seeded decisions without a shared generator.

A random generator shared by threads gives each of them numbers that depend on who came first. Here a
decision is a function of the seed and of what is decided (the number of a call, an item, a purpose), so
asking twice, or in another order, gives the same answer.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

Choice = TypeVar("Choice")


def seeded_fraction(seed: int, *subject: object) -> float:
    """A number in [0, 1), evenly spread over different values of ``about``."""
    digest = hashlib.blake2b(repr((seed, subject)).encode(), digest_size=7).digest()
    # 53 of the 56 bits: all that a float holds, so the result can never round up to 1.
    return (int.from_bytes(digest) >> 3) / 2**53


def seeded_choice(options: Sequence[Choice], seed: int, *subject: object) -> Choice:
    """One of ``options``, each equally likely; ValueError if there is none."""
    if not options:
        raise ValueError("there is nothing to pick from")
    return options[int(seeded_fraction(seed, *subject) * len(options))]
