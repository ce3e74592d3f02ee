"""What the machine has: memory and processors. Discovery only; choices are the scheduler's."""
