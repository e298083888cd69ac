"""The business: pure rules, use cases and ports. Imports nothing but the standard library."""
