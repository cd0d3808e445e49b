"""Compare generated images with real ones: features in, numbers out."""
