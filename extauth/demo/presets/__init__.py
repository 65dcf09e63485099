"""What `extauth demo --preset` shows of each platform. The policies themselves are the files in deploy/presets."""
