"""Steps an optimiser, saves, resumes, logs."""
