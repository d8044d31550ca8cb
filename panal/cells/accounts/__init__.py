"""People, the customer accounts they belong to, their roles, sign-in, tokens for machines, and the audit log."""
