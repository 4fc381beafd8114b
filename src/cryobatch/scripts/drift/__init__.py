"""What correct_drift is made of, besides imaging and formats."""
