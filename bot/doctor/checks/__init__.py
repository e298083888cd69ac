"""Checks by group, found by their place: ORDER, subjects(exam) → [(group, subject)], functions with @check."""
