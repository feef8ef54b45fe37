"""What will be trained and measured."""
