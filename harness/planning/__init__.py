"""From what was asked for to planned trials and the folder that they are run in."""
