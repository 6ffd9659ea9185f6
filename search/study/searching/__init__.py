"""How a study is searched: which algorithms and stopping rules there are, and their sections of a study file."""
