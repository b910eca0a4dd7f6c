"""What a production installation is made of, as far as it can be tested without one."""
