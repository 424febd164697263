"""What a configuration chooses among: a table a file, from a name to functions and their source.

To add an entry is to add a line to its table; `ff.Config`, the schema, the command's help and the
training notebook's parameters take the names from there. Importing a table imports no torch.
"""
