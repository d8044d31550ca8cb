"""Words that templates of cameras use."""
