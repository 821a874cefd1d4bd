"""Code that several packages of the app use: contracts, errors, settings, job state and clients."""

import logging

from shared.util.redaction import RedactingFilter

# Every module that logs as "blast" imports this package first, so the filter is always installed.
logging.getLogger("blast").addFilter(RedactingFilter())
