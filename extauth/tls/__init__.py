"""Certificates of listeners: read, checked, and taken over when they change while serving."""
