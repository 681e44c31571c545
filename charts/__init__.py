"""The charts, and package.py, which makes a release of them."""
