"""What JupyterHub reads at its start: the chart's settings, put into traits by hpc_hub."""

from hpc_hub.configuration import configure

configure(get_config())  # type: ignore[name-defined]  # noqa: F821
