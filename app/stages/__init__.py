"""What each thread of the live pipeline does: capture, matting, compose, output."""
