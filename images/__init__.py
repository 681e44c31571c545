"""Builds the product's images: one folder per image, and the modules that build them in order."""
