"""Filters over time, between the network and refinement."""
