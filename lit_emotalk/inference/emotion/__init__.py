"""An emotion as it is asked for, its code in the emotion space, and `lit-emotalk emotion`."""
