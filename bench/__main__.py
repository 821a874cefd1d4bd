"""`python -m bench`: all measurements."""

import asyncio
import sys
import time

from bench import account, active, api, health, host, results, start

PAGE_OF = 100_000


def main() -> int:
    began = time.monotonic()
    print("# Start")
    start.main()
    print("\n# The local host alone")
    host.main()
    print("\n# The API")
    asyncio.run(api.main(PAGE_OF))
    asyncio.run(account.main())
    print("\n# Health")
    asyncio.run(health.main())
    print("\n# Active jobs")
    asyncio.run(active.main())
    print("\n# Indexing hits")
    results.main([])
    print(f"\nAll in {(time.monotonic() - began) / 60:.1f} min")
    return 0


if __name__ == "__main__":
    sys.exit(main())
