"""Mentors: who is appointed, when they are free, what they did, and what of it counts. Pure and synchronous."""
