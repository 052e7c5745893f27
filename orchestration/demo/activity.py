"""A month of everything: acts of people and companies, in the order in which they teach each other.

What belongs here: the order. What does not: any kind of act.

`Activity.month` is called in order for each month and returns batches: a table of rows and, row by
row, the day on which the source would deliver it. Memory is bounded by one month.
"""

from __future__ import annotations

from collections.abc import Iterator

from .acting import Acting
from .ads import Ads
from .batches import Batch
from .campaigns import Campaigns, Marketing
from .intent import Intent
from .marketo import Marketo
from .sales import Sales
from .web import Web


class Activity:
    """The acting world and all who watch it."""

    def __init__(self, acting: Acting, plans: Campaigns) -> None:
        self.acting, self.plans = acting, plans
        self.sales, self.marketing = Sales(self.acting), Marketing(self.acting, plans)
        self.marketo, self.ads = Marketo(self.acting), Ads(self.acting)
        self.intent, self.web = Intent(self.acting), Web(self.acting)

    def month(self, month: int) -> list[Batch]:
        """All acts of one month."""
        self.acting.begin(month)
        batches = self.sales.month(month)
        responses = self.marketing.month(month)
        batches += responses.batches
        batches += self.marketo.month(month, responses.mailings, responses.downloads)
        batches.append(self.ads.month(month))
        batches += self.intent.month(month)
        others = sum(batch.table.num_rows for batch in batches)
        batches += self.web.month(month, others)
        self.acting.end()
        return batches

    def records(self) -> Iterator[Batch]:
        """What these systems keep of people and money, once the months have passed."""
        yield from self.marketo.records()
        yield from self.ads.books(self.plans)
