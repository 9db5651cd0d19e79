"""Published generative methods: one file each, which holds a function of its own name."""
