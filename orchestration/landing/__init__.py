"""Files into raw tables. Nothing here imports dagster or dbt, or reads the clock."""
