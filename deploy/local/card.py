"""card - what a start ends with: hooks run in order once every part is ready, the card last.

The seed and the main job add themselves to `after_start`; each hook is called with the place and
the seconds since the start of `up`.
"""


def print_card(place, seconds):
    print(f"\n✓ Telecura is up ({seconds:.0f} s)          DEMO DATA: not for real patients\n"
          f"  Open      {place.gateway_url}/\n"
          f"  Sign in   names and passwords: {place.run}/people.json\n"
          f"  Mail      {place.run}/mail/\n"
          f"  Next      make doctor · make logs · make down")


after_start = [print_card]
