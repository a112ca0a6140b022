"""Matrix products, rung by rung, with what counts and compiles them."""
