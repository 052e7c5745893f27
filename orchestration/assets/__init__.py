"""Thin Dagster declarations. SQL and maths live elsewhere."""
