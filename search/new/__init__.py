"""`prunetune new`: from images to a study file, by what the images are, what weights are at hand and what is asked."""
