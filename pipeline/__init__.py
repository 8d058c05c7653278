"""How a run happens: config, plan, tasks, receipts, executors. Nothing here knows HTML or models."""
