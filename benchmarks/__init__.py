"""What is claimed of speed, for anybody to measure: `python -m benchmarks.NAME`."""
