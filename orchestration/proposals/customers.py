"""What makes a customer: contracts, won deals or the type in the CRM; and what is a renewal."""

from __future__ import annotations

from orchestration.proposals.words import Lexicon

RENEWALS = Lexicon({"renewal": """renew, verlanger, erneuer, renouvel, reconduc, renovac, renova,
    prorrog, prolong, verleng, rinnov, folgevertrag, bestandsvertrag"""})


def is_renewal_type(text: str) -> bool:
    """Whether a type of deals is that of renewals, by its words."""
    return bool(text) and bool(RENEWALS.meanings(text))
