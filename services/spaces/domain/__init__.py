"""Spaces: capacity by day and the tenancies that use it. Pure and synchronous."""
