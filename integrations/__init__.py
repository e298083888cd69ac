"""The outside world: one package a system."""
