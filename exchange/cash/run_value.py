"""What a coin is worth to those who stay when others redeem: the arithmetic of a run, in parts per million.

After a fraction w of the coins was redeemed at par out of reserves R, of which l is money at once and the rest
sells with a haircut h, each coin left stands for

    v(w) = (R - cost(w)) / (1 - w),   cost(w) = w up to l, and l + (w - l) / (1 - h) beyond.

Under one it pays to be first (Diamond and Dybvig, "Bank Runs, Deposit Insurance, and Liquidity", 1983).
"""

from exchange.units import BasisPoints

PAR_PPM = 1_000_000
# Below this price redemptions were seen to jump: Anadu et al., "Runs and Flights to Safety: Are Stablecoins the New
# Money Market Funds?", Federal Reserve Bank of Boston, SRA 23-02, 2023.
RUN_PRICE_PPM = 990_000
_WHOLE = 10_000  # basis points


def value_left_ppm(
    redeemed_ppm: int, liquid_ppm: int, haircut_bp: BasisPoints, reserves_ppm: int = PAR_PPM
) -> int:
    """v(w), rounded down; nothing is left below zero. All but the haircut are parts of the supply before the run;
    reserves above par are own funds. Raises ValueError if nobody is left, or a sale brings nothing.
    """
    if not (0 <= redeemed_ppm < PAR_PPM and 0 <= haircut_bp < _WHOLE):
        raise ValueError(
            f"{redeemed_ppm} ppm redeemed, a haircut of {haircut_bp} bp: both must be below the whole"
        )
    kept = _WHOLE - haircut_bp
    at_once = min(redeemed_ppm, liquid_ppm)
    left = (reserves_ppm - at_once) * kept - (redeemed_ppm - at_once) * _WHOLE
    return max(0, left * PAR_PPM // (kept * (PAR_PPM - redeemed_ppm)))


def par_capacity_ppm(liquid_ppm: int, haircut_bp: BasisPoints, reserves_ppm: int = PAR_PPM) -> int:
    """The part of the supply that can be redeemed at par before nothing is left, rounded down; at most all."""
    sold = max(0, reserves_ppm - liquid_ppm) * (_WHOLE - haircut_bp) // _WHOLE
    return min(PAR_PPM, liquid_ppm + sold)


def pays_to_run(value_ppm: int) -> bool:
    """Whether who stays gets less than who redeems."""
    return value_ppm < PAR_PPM
