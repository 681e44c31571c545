"""Figures of the chart `jupyter`."""
