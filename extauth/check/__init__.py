"""Flow 1, the decision: request, route, credential, key, permit, limit, answer. decide.py puts them in order."""
