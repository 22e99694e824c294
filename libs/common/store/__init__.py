"""Documents in MongoDB: the commit loop, the journal, reads and lists."""
