"""Benchmark of the chart `nfs`: stalls of restarts, throughput, memory."""
