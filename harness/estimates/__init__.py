"""What a trial would cost, from shapes alone."""
