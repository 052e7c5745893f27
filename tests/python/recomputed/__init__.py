"""The marts' main numbers computed a second time, by other means.

Reads landing files, the seeds' CSV files and the vars of dbt_project.yml, and follows
docs/method.md. Plain Python, one day at a time, every fact looked at anew each day: slow, and with
nothing in common with the models but what the documents say. Imports nothing of models, macros,
orchestration or tools.
"""
