"""Startups: legal identity and residency. Pure and synchronous."""
