"""Figures as people read them. A missing figure is a dash, never a zero."""

from __future__ import annotations

__all__ = ["MISSING", "percent", "plain", "seconds", "usd"]

MISSING = "-"
_MINUTE_S = 60
_PENNY = 0.01
_LONG_S = 120


def percent(share: float | None) -> str:
    """Render a share with one decimal; only a whole is 100% and only nothing is 0%.

    Example:
        >>> percent(0.9333), percent(0.9999), percent(1.0), percent(None)
        ('93.3%', '99.9%', '100%', '-')
    """
    if share is None:
        return MISSING
    if share in {0, 1}:
        return f"{share:.0%}"
    return f"{min(max(share * 100, 0.1), 99.9):.1f}%" if 0 < share < 1 else f"{share * 100:.1f}%"


def usd(cost: float | None) -> str:
    """Render dollars: two decimals from a cent up, two significant digits below; a dash where no price is known.

    Example:
        >>> usd(1.2345), usd(0.001234), usd(0)
        ('$1.23', '$0.0012', '$0')
    """
    if cost is None:
        return MISSING
    if cost == 0:
        return "$0"
    if cost >= _PENNY:
        return f"${cost:,.2f}"
    text = f"{cost:.12f}"
    zeros = len(text) - 2 - len(text[2:].lstrip("0"))
    return f"${cost:.{min(zeros + 2, 12)}f}"


def seconds(duration_s: float | None) -> str:
    """Render a duration: milliseconds below one second, minutes from two on.

    Example:
        >>> seconds(0.0123), seconds(4.56), seconds(125)
        ('12 ms', '4.6 s', '2 min 5 s')
    """
    if duration_s is None:
        return MISSING
    if duration_s < 1:
        return f"{duration_s * 1000:.0f} ms"
    if duration_s < _LONG_S:
        return f"{duration_s:.1f} s"
    minutes, rest = divmod(round(duration_s), _MINUTE_S)
    return f"{minutes} min {rest} s"


def plain(value: float | None) -> str:
    """Render a figure with up to four significant digits.

    Example:
        >>> plain(0.93333), plain(20000), plain(None)
        ('0.9333', '20,000', '-')
    """
    if value is None:
        return MISSING
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"
