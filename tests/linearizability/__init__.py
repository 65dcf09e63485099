"""Whether what sidecars answer is what the registry has decided, whatever happens to what lies between them."""
