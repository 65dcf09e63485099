"""Envoy's configuration, made from typed messages. Importing a module of this package takes about a second."""
