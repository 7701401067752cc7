"""Measuring speed, memory and size, beside the tools that readers of news would use otherwise."""
