"""What lies between a gRPC call and a service method: identity, permission, context, mapping, errors."""
