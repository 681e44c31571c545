"""Work items over many workers with one kernel function: on IPyParallel's engines, by mpi4py, and as a Slurm array."""
