"""One file for each thing that is fuzzed. Each says what must hold for any bytes."""
