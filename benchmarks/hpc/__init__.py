"""Figures of chart `hpc`: how soon a demo is there, and what the release holds when nobody uses it."""
