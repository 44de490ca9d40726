# Words of the area `certificates`.
