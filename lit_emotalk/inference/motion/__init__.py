"""Head, gaze and blinks: natural motion, an emotion's bearing, or another video's."""
