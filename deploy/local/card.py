"""card - what a start ends with: the main job, then what to open."""
import time

import mainjob


def end_start(place, began):
    """The exit code of `up`; @began by time.monotonic()."""
    try:
        mainjob.run(place)
    except mainjob.Failed as failed:
        print(f"✗ {failed}\n    The suite is running. Look: {place.make('doctor')} · {place.make('logs')} · {place.run}/log/")
        return 1
    print(f"\n✓ Telecura is up ({time.monotonic() - began:.0f} s)"
          f"          DEMO DATA: not for real patients\n"
          f"  Open      {place.gateway_url}/\n"
          f"  Sign in   names, passwords and TOTP secrets: {place.run}/endpoints.json\n"
          f"  Mail      {place.run}/mail/\n"
          f"  Next      {place.make('doctor')} · {place.make('logs')} · {place.make('down')}")
    return 0
