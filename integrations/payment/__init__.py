"""Payment providers: one package each, naming PROVIDER, SETTINGS and build."""
