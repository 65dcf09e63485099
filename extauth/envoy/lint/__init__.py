"""What weakens a given Envoy configuration: rules over its data, whoever wrote it."""
