"""Words that the pages of accounts use."""
