# Words of the area `events`.
