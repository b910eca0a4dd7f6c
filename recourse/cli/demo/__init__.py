"""The demonstration: orders played through their real hours on a real server, live on the screen."""

from recourse.extras import require

require("worker", "web", "local")
