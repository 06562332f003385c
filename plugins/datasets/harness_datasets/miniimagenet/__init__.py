"""miniImageNet (Vinyals et al., 2016), in the forms in which it is handed on."""
