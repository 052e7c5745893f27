"""What SQL cannot express: one module a scorer, each of pure functions over Arrow tables.

Nothing here imports dagster, dbt or a database; nothing reads the clock or a mart.
"""
