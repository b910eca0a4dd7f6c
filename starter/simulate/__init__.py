"""Stories of one order, played on two engines that must agree: the rules alone, and the real thing."""
