"""Facts in, Needs and a Plan out: each need with its evidence."""
