"""What a run needs around its models: its days, kept scores, what stops it, publishing, records."""
