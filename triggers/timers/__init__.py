"""The timer triggers: reconcile and purge."""
