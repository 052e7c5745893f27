"""What runs underneath: the database, dbt, Dagster's log of events. No business rules."""
