"""The rules: what each command and each clock does to an order."""
