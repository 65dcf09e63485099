"""Rules, dashboards, traces, and the demo's Prometheus."""
