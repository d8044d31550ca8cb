"""Words that the templates of doors use."""
