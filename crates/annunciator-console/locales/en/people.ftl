# Words of the area `people`.
