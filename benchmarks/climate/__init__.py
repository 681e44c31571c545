"""The mean of a large gridded variable over latitude and longitude: reading, unpacking and reducing, shared by workers."""
