"""The rules people make: read for Python, hashed, compared, and checked before anything runs."""
