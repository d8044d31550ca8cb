"""Code for the chips and parts on boards. What a chip's driver needs of `machine` is given to it: it runs anywhere."""
