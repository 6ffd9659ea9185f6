"""Outside teachers of distillation: where they come from, what they know, and how they are shown the images."""
