"""The window. Nothing else in the program knows PyQt6."""
