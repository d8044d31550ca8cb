"""Whom to tell and how: contacts and their channels, alerts, escalation, deliveries; the public contact form."""
