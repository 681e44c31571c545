"""The runnable code of the documentation; tests/docs runs it."""
