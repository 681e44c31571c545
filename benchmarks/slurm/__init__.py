"""Figures of chart `slurm`: start, scaling, throughput, latency, memory."""
