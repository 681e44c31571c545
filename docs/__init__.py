"""Documentation; the code in examples/ is run by tests/docs."""
