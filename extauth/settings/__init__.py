"""Reading a settings file: YAML with positions, typed values, and a report that names every problem at once."""
