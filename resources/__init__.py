"""Files that ship with the program: the demonstration model, icons, style sheets."""
