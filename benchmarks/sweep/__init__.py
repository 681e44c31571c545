"""Figures of sweep_client beside papermill and nbclient."""
