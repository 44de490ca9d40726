# Words of the area `event_configuration`.
