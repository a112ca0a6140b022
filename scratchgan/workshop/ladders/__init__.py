"""Matrix products, rung by rung, and the tools that count and compile them."""
