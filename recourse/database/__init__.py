"""What PostgreSQL keeps, and how: migrations, one statement a step, reads."""
