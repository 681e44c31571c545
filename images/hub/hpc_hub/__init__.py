"""JupyterHub for one account with Slurm: who users are, what their pods look like, and how values become traits."""
