"""What two of the app's packages need: values, errors, settings, state and the clients."""

import logging

from shared.util.redaction import RedactingFilter

# Whoever logs by our name imports something of this package first.
logging.getLogger("blast").addFilter(RedactingFilter())
