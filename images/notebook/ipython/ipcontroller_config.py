"""Configuration of a pool's controller."""

from hpc_notebook.pool import controller

controller(get_config())  # type: ignore[name-defined]  # noqa: F821
