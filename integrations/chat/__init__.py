"""Chat doors: one package a platform."""
