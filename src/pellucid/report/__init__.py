"""The page a person looks at: whether to believe a restored image, and why."""
