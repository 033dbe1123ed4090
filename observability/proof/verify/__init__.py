"""`belfry verify`: what the running stack shows, held against what is written down about it.

Each check is a module with a function that answers with findings; `plan` says which run.
"""
