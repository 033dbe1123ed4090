"""`python -m observability.alerting [--check]`: write the rule files, or compare them."""

import sys

from observability.alerting.generate import FILES

if __name__ == "__main__":
    sys.exit(FILES.main(sys.argv[1:]))
