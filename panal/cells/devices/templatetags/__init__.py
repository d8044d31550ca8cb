"""Words that the pages of devices use."""
