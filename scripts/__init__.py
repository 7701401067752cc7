"""Thin entry points and the commands that build and measure data; each says how to run it."""
