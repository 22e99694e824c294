"""Facts over NATS JetStream: the relay that publishes them and the inbox that consumes them."""
