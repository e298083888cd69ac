"""Servers and loops of other frameworks, run as processes of their own beside ours."""
