# Words of the area `dashboard`.
