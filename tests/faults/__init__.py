"""What happens when processes die, hang, or talk nonsense."""
