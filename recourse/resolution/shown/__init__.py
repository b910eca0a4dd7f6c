"""What is shown of an order: views, outcomes, notices and scores."""
