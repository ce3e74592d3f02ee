"""What turns the program into something to install: entries of the frozen executables."""
