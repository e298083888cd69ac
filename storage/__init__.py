"""The desk's own database: tables, unit of work, inbox, outbox; SQLite or PostgreSQL behind one face."""
