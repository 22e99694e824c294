"""gRPC handlers: decode, call, encode."""
