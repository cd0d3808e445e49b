"""What every package may use: errors, images, files, exact nearest neighbours."""
