"""The SQLite database: schema and migrations, writer, readers, retention, salvage."""
