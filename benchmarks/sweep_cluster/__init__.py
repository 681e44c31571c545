"""Figures of sweeps on clusters."""
