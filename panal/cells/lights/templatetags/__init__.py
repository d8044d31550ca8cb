"""Words that the templates of lights use."""
