"""Panels: each turns its values into a stage of the recipe, and shows what the session holds."""
