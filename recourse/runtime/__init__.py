"""What every program needs: settings, keys, connections, logs and health."""
