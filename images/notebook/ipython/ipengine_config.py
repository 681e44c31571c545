"""Configuration of a pool's engines."""

from hpc_notebook.pool import engine

engine(get_config())  # type: ignore[name-defined]  # noqa: F821
