"""The demonstration: orders played through their real hours on a real server, live on the screen."""
