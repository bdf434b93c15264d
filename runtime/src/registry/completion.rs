//! Completion of the arguments of prompts and of the variables of URI templates.
