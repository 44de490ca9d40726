# Words of the area `system`.
