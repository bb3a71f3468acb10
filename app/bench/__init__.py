"""How fast this is, beside what everybody else does, in one run."""
