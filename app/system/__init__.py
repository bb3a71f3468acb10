"""What the rest of the program needs from the operating system, each thing in one place."""
