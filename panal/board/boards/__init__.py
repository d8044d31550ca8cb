"""One description for each model: which pin is what, which cells it runs. The file's name is the model's, with `_`."""
