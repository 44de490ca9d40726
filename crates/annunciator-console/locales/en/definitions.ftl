# Words of the area `definitions`.
