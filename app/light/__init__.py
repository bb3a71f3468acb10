"""Light on the person, so that they seem to stand in the background."""
