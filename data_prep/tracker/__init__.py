"""What the tracker that ships is made of: a rendered set, and its regressors' fits."""
