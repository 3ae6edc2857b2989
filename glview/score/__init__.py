"""`glview score`: compare a confidence map or a mask with the truth."""
