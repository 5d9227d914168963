"""Time zones by their IANA names. All of it reads files: call from a thread."""

import difflib
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones


def zone_of(name: str | None) -> ZoneInfo:
    """The zone with this IANA name; the machine's without one; UTC where that is not known."""
    from tzlocal import get_localzone  # noqa: PLC0415 - what never asks for a zone does without

    try:
        return ZoneInfo(name) if name else get_localzone()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def zone_named(name: str) -> str | None:
    """The IANA name that is meant, whatever its case; a city is enough. None where there is no such zone."""
    wanted = _key(name)
    return _zones().get(wanted) or next((zone for key, zone in _zones().items() if key.endswith(f"/{wanted}")), None)


def nearest_zone(name: str) -> str | None:
    """The IANA name that looks most like this one, if any does."""
    wanted = _key(name)
    by_city = {key.rpartition("/")[2]: zone for key, zone in _zones().items()}
    for names in (_zones(), by_city):
        near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.7)
        if near:
            return names[near[0]]
    return None


def _key(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


@cache
def _zones() -> dict[str, str]:
    return {_key(name): name for name in sorted(available_timezones()) if not name.startswith(("posix", "right"))}
