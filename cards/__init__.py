"""What people see: the neutral card, one view a subject, and the words."""
