"""What runs a service: settings, logs, servers, timers, and the order in which they open and close."""
