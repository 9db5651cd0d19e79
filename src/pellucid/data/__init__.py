"""y: what was measured; read, prepared, cut and split."""
