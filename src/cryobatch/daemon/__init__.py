"""What serve and run start: dispatcher, processors, reaper."""
