"""The local Kubernetes cluster for demo and tests; everything in here is about that cluster and nothing else."""
