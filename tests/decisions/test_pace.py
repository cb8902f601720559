"""How far an asset goes at a look, and when the next look is."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.decisions.drift import Drift
from bot.decisions.pace import Pace, action_frac, look_interval, pace_gaps, taken_tranches
from bot.domain.books import Books, Correction
from bot.domain.events import CorrectionEnded, CorrectionStarted, TrancheTaken
from bot.domain.ids import Asset
from bot.domain.policy import BandPolicy, DcaPolicy, Destination, TradingState, VolatilityPolicy
from tests.builders import NOW, dec, make_policy
from tests.decisions.market import decide_now, line_of, orders_of, snapshot_worth

BTC = Asset("BTC")
WILD = VolatilityPolicy(reference_annual=dec("0.5"))
HALF = BandPolicy(destination=Destination.HALF, total_frac=None)


def _drift(gap, *, destination="0.025", correcting=False):
    gap = Decimal(gap)
    return Drift(
        asset=BTC,
        weight=dec("0.5") + gap,
        target_weight=dec("0.5"),
        band=dec("0.05"),
        destination_gap=Decimal(destination) * (1 if gap > 0 else -1),
        is_correcting=correcting,
        is_hedgeable=True,
        exposure_quote=(dec("0.5") + gap) * 10_000,
    )


def _pace(drift, *, correction=None, sigma=None, smallest="0", now=NOW, **policy):
    paces = pace_gaps(
        (drift,),
        make_policy({"BTC": "0.5", "ETH": "0.5"}, **policy),
        corrections={BTC: correction} if correction else {},
        sigma_annual=None if sigma is None else Decimal(sigma),
        value_quote=dec(10_000),
        smallest_quote={BTC: Decimal(smallest)},
        now=now,
    )
    return paces[BTC]


@pytest.mark.parametrize(
    ("sigma", "hours"),
    [(None, 24), ("0", 72), ("0.5", 24), ("1", 12), ("0.25", 48), ("0.0001", 72), ("50", 1)],
)
def test_the_interval_shrinks_as_volatility_grows(sigma, hours):
    assert look_interval(None if sigma is None else Decimal(sigma), WILD) == timedelta(hours=hours)


@pytest.mark.parametrize(("sigma", "share"), [(None, "1"), ("0", "1"), ("0.5", "1"), ("1", "0.5"), ("9", "0.25")])
def test_the_action_shrinks_as_volatility_grows(sigma, share):
    assert action_frac(None if sigma is None else Decimal(sigma), WILD) == Decimal(share)


def test_without_the_policy_an_action_is_whole():
    assert action_frac(dec("9"), None) == 1
    assert _pace(_drift("0.08"), sigma="9").wanted_gap == dec("0.025")


def test_inside_its_band_an_asset_stays():
    assert _pace(_drift("0.04"), sigma="9", volatility=WILD).wanted_gap == dec("0.04")


def test_a_wild_market_goes_part_of_the_way_and_says_so():
    pace = _pace(_drift("-0.085"), sigma="1", volatility=WILD)
    assert pace.wanted_gap == dec("-0.055")
    assert pace.why == "50% of the way, as volatility is high"


def test_a_remainder_is_done_at_once():
    """0.006 are left of a first 0.075: less than a tenth."""
    first = Correction(first_gap=dec("0.1"))
    assert _pace(_drift("0.031", correcting=True), correction=first, sigma="1", volatility=WILD).wanted_gap == dec(
        "0.025"
    )
    assert _pace(_drift("0.035", correcting=True), correction=first, sigma="1", volatility=WILD).wanted_gap == dec(
        "0.03"
    )
    # 50 dollars of 10,000 are 0.005, and twice that is above what is left.
    small = _pace(_drift("0.035", correcting=True), correction=first, sigma="1", smallest="50", volatility=WILD)
    assert small.wanted_gap == dec("0.025")


def test_a_tranche_is_what_is_left_by_the_tranches_left():
    dca = DcaPolicy(tranches=4, interval=timedelta(hours=6))
    pace = _pace(_drift("0.065"), dca=dca)
    assert pace.wanted_gap == dec("0.055")
    assert pace.tranche == TrancheTaken(at=NOW, asset=BTC, left=3, next_at=NOW + timedelta(hours=6))
    assert pace.why == "a tranche, 3 more to come"


def test_a_tranche_waits_for_its_time():
    dca = DcaPolicy(tranches=4)
    begun = Correction(first_gap=dec("0.065"), tranches_left=2, next_tranche_at=NOW + timedelta(hours=1))
    drift = _drift("0.045", correcting=True)
    pace = _pace(drift, correction=begun, dca=dca)
    assert (pace.wanted_gap, pace.tranche) == (dec("0.045"), None)
    assert "its next tranche is due at 2024-06-03 13:00 UTC" in pace.why
    later = _pace(drift, correction=begun, dca=dca, now=NOW + timedelta(hours=1))
    assert later.wanted_gap == dec("0.035")


def test_the_last_tranche_does_all_and_is_repeated_until_it_is_there():
    begun = Correction(first_gap=dec("0.065"), tranches_left=1, next_tranche_at=NOW)
    pace = _pace(_drift("0.045", correcting=True), correction=begun, dca=DcaPolicy(tranches=4))
    assert pace.wanted_gap == dec("0.025")
    assert pace.tranche is not None
    assert pace.tranche.left == 1


def test_a_tranche_too_small_for_the_venue_is_the_smallest_order():
    pace = _pace(_drift("0.065"), smallest="200", dca=DcaPolicy(tranches=4))
    assert pace.wanted_gap == dec("0.045")
    assert _pace(_drift("0.065"), smallest="500", dca=DcaPolicy(tranches=4)).wanted_gap == dec("0.025")


gaps = st.decimals(min_value="-0.5", max_value="0.5", places=6).filter(lambda gap: gap != 0)


@given(
    gap=gaps,
    first=gaps,
    sigma=st.none() | st.decimals(min_value=0, max_value=5, places=3),
    smallest=st.integers(0, 3000),
    tranches=st.none() | st.integers(2, 20),
    left=st.integers(0, 20),
    waits=st.booleans(),
)
# Half a point is left, and the smallest order is two.
@example(gap=dec("0.03"), first=dec("0.06"), sigma=None, smallest=2000, tranches=4, left=3, waits=False)
def test_a_step_never_passes_its_destination_and_a_tranche_never_overshoots(
    gap, first, sigma, smallest, tranches, left, waits
):
    correcting = (first > 0) == (gap > 0)
    begun = Correction(first_gap=first, tranches_left=left, next_tranche_at=NOW + timedelta(hours=1) if waits else None)
    drift = _drift(gap, correcting=correcting)
    pace = _pace(
        drift,
        correction=begun,
        sigma=sigma,
        smallest=smallest,
        volatility=WILD,
        dca=None if tranches is None else DcaPolicy(tranches=tranches),
    )
    low, high = sorted((drift.gap, drift.wanted_gap))
    assert low <= pace.wanted_gap <= high
    if pace.tranche is not None:
        assert 1 <= pace.tranche.left < max(left if correcting and left else tranches, 2)
    if drift.wanted_gap != drift.gap and not pace.why.startswith("its next"):
        assert pace.wanted_gap != drift.gap, "a correction that is due always moves"


@given(gap=st.decimals(min_value="0.06", max_value="0.5", places=4), tranches=st.integers(2, 12))
def test_tranches_add_up_to_the_whole_way(gap, tranches):
    dca = DcaPolicy(tranches=tranches)
    correction, now, taken = None, NOW, 0
    while True:
        drift = _drift(gap, correcting=correction is not None)
        pace = _pace(drift, correction=correction, now=now, dca=dca)
        assert pace.tranche is not None
        taken += 1
        if pace.wanted_gap == dec("0.025"):
            break
        gap = pace.wanted_gap
        correction = Correction(first_gap=gap, tranches_left=pace.tranche.left, next_tranche_at=pace.tranche.next_at)
        now = pace.tranche.next_at
    assert taken == tranches


sigmas = st.decimals(min_value=0, max_value=20, places=4)


@given(calm=sigmas, more=sigmas)
def test_a_wilder_market_never_looks_less_often_nor_goes_further_at_once(calm, more):
    wild = calm + more
    assert WILD.min_interval <= look_interval(wild, WILD) <= look_interval(calm, WILD) <= WILD.max_interval
    assert WILD.min_action_frac <= action_frac(wild, WILD) <= 1
    # A σ of nothing is one that is not known.
    assert calm == 0 or action_frac(wild, WILD) <= action_frac(calm, WILD)


@given(
    gap=st.decimals(min_value="0.06", max_value="0.5", places=4),
    moves=st.lists(st.decimals(min_value="-0.2", max_value="0.2", places=4), min_size=1, max_size=12),
    tranches=st.integers(2, 8),
)
def test_tranches_in_a_market_that_moves_stay_between_the_gap_and_the_destination_and_end_at_a_sign_flip(
    gap, moves, tranches
):
    """Between two tranches prices do what they like; the number of tranches left only falls until the sign does."""
    dca, now, correction = DcaPolicy(tranches=tranches), NOW, None
    for move in moves:
        if gap == 0:
            break
        is_same_side = correction is not None and (correction.first_gap > 0) == (gap > 0)
        pace = _pace(_drift(gap, correcting=is_same_side), correction=correction, now=now, dca=dca)
        low, high = sorted((gap, _drift(gap, correcting=is_same_side).wanted_gap))
        assert low <= pace.wanted_gap <= high
        if pace.tranche is None:
            break
        if is_same_side:
            assert pace.tranche.left <= max(correction.tranches_left - 1, 1)
        else:
            assert pace.tranche.left == tranches - 1 or pace.tranche.left == 1
        first = correction.first_gap if is_same_side else gap
        correction = Correction(first_gap=first, tranches_left=pace.tranche.left, next_tranche_at=pace.tranche.next_at)
        now, gap = pace.tranche.next_at, pace.wanted_gap + move


# --- in the whole decision ---------------------------------------------------------------------


def _decided(btc, *, corrections=None, **policy):
    books = Books(corrections=corrections or {})
    return decide_now(
        snapshot_worth({"BTC": btc, "ETH": 10_000 - btc}, books=books),
        make_policy({"BTC": "0.5", "ETH": "0.5"}, bands=HALF, **policy),
    )


def test_a_tranche_is_journalled_after_the_correction_that_it_belongs_to():
    decision = _decided(5650, dca=DcaPolicy(tranches=4))
    told = [type(fact) for fact in decision.facts if isinstance(fact, CorrectionStarted | TrancheTaken)]
    assert told == [CorrectionStarted, CorrectionStarted, TrancheTaken, TrancheTaken]
    assert all(fact.tranches == 4 for fact in decision.facts if isinstance(fact, CorrectionStarted))
    assert orders_of(decision) == {"BTC": ("sell", 100), "ETH": ("buy", 100)}


def test_waiting_for_a_tranche_does_not_end_the_correction():
    waiting = {
        BTC: Correction(first_gap=dec("0.065"), tranches_left=3, next_tranche_at=NOW + timedelta(hours=1)),
    }
    decision = _decided(5550, corrections=waiting, dca=DcaPolicy(tranches=4))
    assert "BTC" not in orders_of(decision)
    assert not [fact for fact in decision.facts if isinstance(fact, CorrectionEnded)]
    assert line_of(decision, "BTC").reason.startswith("its next tranche is due")


def test_a_sign_flip_cancels_the_rest_and_starts_anew():
    begun = {BTC: Correction(first_gap=dec("0.065"), tranches_left=2, next_tranche_at=NOW + timedelta(hours=1))}
    decision = _decided(4350, corrections=begun, dca=DcaPolicy(tranches=4))
    told = [fact for fact in decision.facts if getattr(fact, "asset", None) == BTC]
    kinds = [type(fact) for fact in told if isinstance(fact, CorrectionStarted | CorrectionEnded | TrancheTaken)]
    assert kinds == [CorrectionEnded, CorrectionStarted, TrancheTaken]
    assert orders_of(decision)["BTC"] == ("buy", 100)


# --- when the next look is -----------------------------------------------------------------------


def test_what_makes_the_next_look_due_is_told():
    calm = _decided(5000)
    assert (calm.next_paced_at, calm.next_tranche_at) == (None, None)
    paced = _decided(5000, volatility=WILD)
    assert paced.next_paced_at == NOW + timedelta(days=1), "without a history the interval is the base"
    dca = _decided(5650, dca=DcaPolicy(tranches=4))
    assert dca.next_tranche_at == NOW + timedelta(hours=6)


def test_the_next_tranche_is_the_soonest_that_still_stands():
    begun = {
        BTC: Correction(first_gap=dec("0.065"), tranches_left=2, next_tranche_at=NOW + timedelta(hours=3)),
        Asset("ETH"): Correction(first_gap=dec("-0.065"), tranches_left=2, next_tranche_at=NOW + timedelta(hours=2)),
    }
    assert _decided(5550, corrections=begun, dca=DcaPolicy(tranches=4)).next_tranche_at == NOW + timedelta(hours=2)
    over = {**begun, Asset("ETH"): Correction(first_gap=dec("0.065"), next_tranche_at=NOW + timedelta(hours=2))}
    assert _decided(5450, corrections=over, dca=DcaPolicy(tranches=4)).next_tranche_at == NOW + timedelta(hours=3)


def test_a_tranche_that_is_due_and_cannot_be_taken_makes_no_look_due():
    """Found by dying in the middle of one: looks followed each other without end."""
    due = {BTC: Correction(first_gap=dec("0.065"), tranches_left=2, next_tranche_at=NOW)}
    books = Books(corrections=due, trading_state=TradingState.HALTED)
    snapshot = snapshot_worth({"BTC": 5550, "ETH": 4450}, books=books)
    decision = decide_now(snapshot, make_policy({"BTC": "0.5", "ETH": "0.5"}, bands=HALF, dca=DcaPolicy(tranches=4)))
    assert not decision.legs
    assert decision.next_tranche_at is None


def test_what_is_traded_of_a_correction_that_ends_with_this_look_is_its_rest_and_no_tranche():
    decision = _decided(5650, dca=DcaPolicy(tranches=4))
    (tranche,) = [fact for fact in decision.facts if isinstance(fact, TrancheTaken) and fact.asset == BTC]
    paces = {BTC: Pace(wanted_gap=dec(0), tranche=tranche)}
    begun = {BTC: Correction(first_gap=dec("0.065"), tranches_left=2)}
    started = CorrectionStarted(at=NOW, asset=BTC, gap=dec("0.065"), tranches=4)
    ended = CorrectionEnded(at=NOW, asset=BTC, why="arrived")
    traded = {leg.instrument.asset for leg in decision.legs}
    assert taken_tranches(paces, traded, begun, ()) == (tranche,)
    assert taken_tranches(paces, traded, {}, (started,)) == (tranche,)
    assert taken_tranches(paces, traded, begun, (ended, started)) == (tranche,)
    assert taken_tranches(paces, traded, begun, (ended,)) == ()
    assert taken_tranches(paces, set(), begun, ()) == ()
