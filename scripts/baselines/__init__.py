"""What people use for this task today, trained on the same documents and scored by the same scorer."""
