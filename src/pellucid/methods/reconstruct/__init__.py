"""Published methods that turn the measurements of any linear instrument into an image: found as those of denoising."""
