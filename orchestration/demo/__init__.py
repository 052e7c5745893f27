"""A simulated company: the files it would land, and the truth behind them, kept apart.

What belongs here, from the latent to the landed:

- the world: the market (`company`, `titles`), which records the CRM has of it and which are odd
  (`records`), where they stand (`homes`), whom the other systems can see (`systems`);
- what happens (`acting`, then `sales`, `campaigns`, `web`, `marketo`, `ads`, `intent`, in the order
  of `activity`), and what is written down of it (`crm`, `deals`, `reference`, `planning`);
- the words of each CRM for the same facts (`writer`, `salesforce`, `hubspot`);
- how files arrive, with their dirt (`deliveries`), the truth (`truth`), the command line
  (`simulate`).

What does not: anything of the rest of the project, and the judgement of what it makes of these
files (tools/evaluate.py and evaluate_research.py). Nothing here knows a point, a half-life, a
threshold or a rule of the marts.
"""
