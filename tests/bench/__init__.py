"""The measurements' own arithmetic."""
