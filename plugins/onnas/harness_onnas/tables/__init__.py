"""The paper's tables as suites, with the published numbers beside them."""
