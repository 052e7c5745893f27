"""A simulated company: the files it would land, and the truth behind them, kept apart.

What belongs here: the latent world (`company`), what it does (`activity`), what the CRM and the
other systems record of it (`records`), how the files arrive, with their dirt (`deliveries`), the
command line (`simulate`), and the judgement of published marts against the truth (`evaluate`).
What does not: anything of the rest of the project. Nothing here knows a point, a half-life, a
threshold or a rule of the marts (`evaluate` knows the state table only to name true states).
"""
