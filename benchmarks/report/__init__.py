"""One HTML file with everything that benchmarks found."""
