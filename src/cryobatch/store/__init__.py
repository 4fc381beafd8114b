"""SQLite, and the only SQL: database, queue, library and log."""
