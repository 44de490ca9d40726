# Words of the area `ledger`.
