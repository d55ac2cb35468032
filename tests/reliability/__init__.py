"""What happens to a venue when its machine lets it down."""
