"""A real MongoDB and a real NATS server on loopback, for a laptop, for tests and for measurements."""
