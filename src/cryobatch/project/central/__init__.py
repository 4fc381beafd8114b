"""The central copy: results that are copied to another folder or host as they come."""
