# Words of the area `silences`.
