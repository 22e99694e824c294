"""One method per RPC, fact and timer."""
