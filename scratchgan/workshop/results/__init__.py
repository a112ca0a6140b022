"""Records of full runs, and the table and figures made of them."""
