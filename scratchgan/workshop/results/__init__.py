"""Records of full runs, and the table and figures that are made from them."""
