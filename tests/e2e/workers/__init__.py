"""Several workers behind one supervisor, as processes that are killed, stopped and restarted."""
