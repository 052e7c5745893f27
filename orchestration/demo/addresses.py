"""How people are addressed: the e-mail addresses they give.

What belongs here: addresses of people, the same wherever they are made again. What does not: which
system has them.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import text
from .company import FIRST_NAMES, LAST_NAMES, World
from .text import Ints


def emails(world: World, person: Ints) -> pa.Array:
    """Work addresses, or a free-mail one for people who gave that."""
    people, accounts = world.people, world.accounts
    first = text.pick([n.lower() for n in FIRST_NAMES], people.first[person])
    last = text.pick([n.lower() for n in LAST_NAMES], people.last[person])
    own = accounts.domain.take(pa.array(people.account[person]))
    free = text.pick(["gmail.com", "outlook.com", "gmx.de"], person % 3)
    number = text.join(last, text.codes("", person, 7))
    local = text.join(
        first,
        pc.if_else(pa.array(people.has_free_mail[person]), number, last),
        by=".",
    )
    host = pc.if_else(pa.array(people.has_free_mail[person]), free, own)
    return text.join(local, host, by="@")


def personal_emails(world: World) -> pa.Array:
    """Everybody's private address."""
    people = world.people
    first = text.pick([n.lower() for n in FIRST_NAMES], people.first)
    last = text.pick([n.lower() for n in LAST_NAMES], people.last)
    number = np.arange(people.n)
    host = text.pick(["gmail.com", "icloud.com", "hotmail.com"], number % 3)
    return text.join(text.join(first, last, text.codes("", number, 6)), host, by="@")
