"""From a gRPC call to a service method: identity, permission, context, mapping and errors."""
