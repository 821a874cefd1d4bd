"""What two of the app's packages need: values, errors, settings, state and the clients."""
