"""What is run and what it leaves: budgets, settings, trials, suites, records."""
