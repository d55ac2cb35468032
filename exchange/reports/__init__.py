"""What a risk officer reads, as plain rows. Read-only: nothing here decides anything, and nothing inside knows it."""
