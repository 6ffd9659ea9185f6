"""What is done to training images: crop, flip and RandAugment of each, and the mixing of a batch."""
