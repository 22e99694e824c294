"""Opening hours, working days, occupied and free time of a resource, and series of appointments. Pure."""
