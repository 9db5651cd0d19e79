"""What a person wants done, one file a task."""
