"""How a run happens: config, plan, parts, receipts, executors. Nothing here knows HTML or models."""
