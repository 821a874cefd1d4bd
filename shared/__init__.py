"""Code that several packages of the app use: contracts, errors, settings, job state and clients."""

import logging

from shared.util.job_scope import JobIdFilter
from shared.util.redaction import RedactingFilter

# Every module that logs as "blast" imports this package first, so the filters are always installed.
# The first one writes the arguments into the message, where the second one reads them.
for _filter in (RedactingFilter(), JobIdFilter()):
    logging.getLogger("blast").addFilter(_filter)
