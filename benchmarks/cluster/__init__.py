"""The local cluster: how long it takes and what it holds."""
