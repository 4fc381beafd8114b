"""What calculate_statistics is made of."""
