"""Configuration of clusters that users start in their servers."""

from hpc_notebook.clusters import cluster

cluster(get_config())  # type: ignore[name-defined]  # noqa: F821
