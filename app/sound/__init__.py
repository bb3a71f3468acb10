"""The microphone, and its clock beside the pictures' clock."""
