"""What `make` calls, and what these commands print. No other room imports from here."""
