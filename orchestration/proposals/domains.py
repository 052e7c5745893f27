"""Own domains, from the addresses of our own users."""

from __future__ import annotations

from orchestration.landing.identities import registrable_domain
from orchestration.proposals.facts import Facts, rules_of
from orchestration.proposals.store import Findings, Proposal, is_plain, reason
from orchestration.proposals.words import counted, listed

SEED = "own_domains"
DECIDES = "addresses of your users"
# A domain of one user among many may be a freelancer's, an agency's or a tester's.
SURE_SHARE, SURE_USERS = 0.1, 2


def propose(facts: Facts, findings: Findings) -> None:
    """Proposes the domains of users' addresses; free mail and the like are nobody's own."""
    excluded = {row["domain"] for row in rules_of("identity/excluded_domains.csv")}
    users: dict[str, set[str]] = {}
    left_out: set[str] = set()
    for _, relation, value in facts.fields("owners", r"^(e_?mail|username|user_name|owner_email)$"):
        for owner, address in facts.rows(
            f"select distinct staged.owner_id, lower({value}) from {relation}"
            f" where {value} like '%_@_%' order by all"
        ):
            domain = registrable_domain(address.rsplit("@", 1)[1])
            if domain in excluded:
                left_out.add(domain)
            elif domain and is_plain(domain):
                users.setdefault(domain, set()).add(owner)
    if left_out:
        findings.note(
            "Own domains",
            f"Users have addresses at {listed(sorted(left_out))} too, which identify no company.",
        )
    all_of_them = len({owner for owners in users.values() for owner in owners})
    rows = []
    for domain, owners in sorted(users.items(), key=lambda item: (-len(item[1]), item[0])):
        is_sure = len(owners) >= SURE_USERS and len(owners) >= SURE_SHARE * all_of_them
        rows.append(
            {
                "domain": domain,
                "reason": reason(
                    f"{len(owners):,} of {counted(all_of_them, 'user')} with an address have it"
                    " there",
                    unsure=not is_sure,
                ),
            }
        )
    findings.rules.append(Proposal(SEED, rows, DECIDES))
    if not rows:
        findings.note("Own domains", "No user with an address has landed, so none is proposed.")
