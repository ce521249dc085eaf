"""What the site's pages say from the code: keys, metrics, messages, figures, pictures."""
