"""Which alerts are there, what do they mean, and what should the owner do?

The catalogue of everything that the bot alerts. ``docs/alerts.md`` is written from it:
``python -m bot.adapters.alert_page``.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertKind:
    """One kind of alert."""

    code: str
    #: The severity that it is raised with: ``warning`` wants a look today, ``critical`` now.
    severity: str
    meaning: str
    likely_cause: str
    what_to_do: str
    #: When it ends by itself.
    closes: str


def _catalogue(*kinds: AlertKind) -> Mapping[str, AlertKind]:
    return {kind.code: kind for kind in kinds}


CATALOGUE: Mapping[str, AlertKind] = _catalogue(
    AlertKind(
        code="abnormal_ends",
        severity="critical",
        meaning="The bot was started after three ends within ten minutes that were not in good order; it only reduces.",
        likely_cause="A crash that repeats, a machine short of memory, a container that is killed at its start.",
        what_to_do="Read the last lines of the log before each start, mend the cause, then `trimtab resume`.",
        closes="With `trimtab resume`.",
    ),
    AlertKind(
        code="basis_wide",
        severity="warning",
        meaning="A contract that holds a hedge, or may hold one, is unusually far from the spot price of its asset.",
        likely_cause="A crowded market, a crash in which futures run ahead, or a venue whose mark or index is wrong.",
        what_to_do="Compare with other venues. Beyond TRIMTAB_RISK__MAX_MARK_INDEX nothing is added to it.",
        closes="When it is inside its band again, by a fifth of it.",
    ),
    AlertKind(
        code="breaker",
        severity="critical",
        meaning="The overlay has lost more than TRIMTAB_BREAKER__… allows; from now on it only reduces.",
        likely_cause="A market that turns about faster than the looks, dear funding, or a contract without depth.",
        what_to_do="Look at trades and costs; widen the bands, look less often, then `trimtab resume`.",
        closes="With `trimtab resume`; losses are measured anew from there.",
    ),
    AlertKind(
        code="capacity_short",
        severity="warning",
        meaning="The futures wallets cannot carry all hedges under the stress rule; what they can carry is hedged.",
        likely_cause="Prices have risen and hedges have been paid for in cash, or volatility has grown.",
        what_to_do="Move the named amount into the futures wallet, widen the bands, or accept the gap that is shown.",
        closes="With the first look at which the whole plan can be carried.",
    ),
    AlertKind(
        code="expiry_missed",
        severity="critical",
        meaning="A contract expired with a position in it, and the venue settled it: the hedge was gone until the next"
        " look.",
        likely_cause="The bot did not run, or was halted, in the hours before the expiry, or the venue took no orders.",
        what_to_do="Nothing, if the next look has hedged again; `trimtab explain` tells what was tried.",
        closes="It is not closed by itself; it ends with the process.",
    ),
    AlertKind(
        code="flatten_incomplete",
        severity="critical",
        meaning="`flatten` was asked for, and positions are still open after two minutes.",
        likely_cause="The venue does not answer, the book is empty, or the outcome of an order is not known yet.",
        what_to_do="Look at `trimtab status`; it goes on by itself. Close what is left by hand if you cannot wait.",
        closes="When every position of ours is closed, or when it is called off with `trimtab resume`.",
    ),
    AlertKind(
        code="forced_trade",
        severity="critical",
        meaning="The venue itself traded a position: a liquidation, a settlement or a deleveraging.",
        likely_cause="Too little margin in the wallet, a contract that expired, or ADL on a wild day.",
        what_to_do="Look at margin and positions. A ceiling keeps the hedge from being opened again at once.",
        closes="It is not closed by itself; it ends with the process.",
    ),
    AlertKind(
        code="foreign_trade",
        severity="warning",
        meaning="Somebody else traded a contract that the bot hedges with; it was booked as part of the hedge.",
        likely_cause="You traded by hand, or another program uses the account.",
        what_to_do="Reserve the contract with TRIMTAB_FOREIGN=SYMBOL:ignore if you mean to trade it yourself.",
        closes="It is not closed by itself; it ends with the process.",
    ),
    AlertKind(
        code="funding_gap",
        severity="warning",
        meaning="A position was held at a settlement of funding, and the venue lists no payment for it.",
        likely_cause="The venue's history is late or incomplete, or it did not settle as it had announced.",
        what_to_do="Compare with the venue's own page. Until it is found, the cost of the leg is shown as unknown.",
        closes="When the payment is found and booked, or after 30 days.",
    ),
    AlertKind(
        code="funding_high",
        severity="warning",
        meaning="A hedge pays more funding a year than TRIMTAB_FUNDING__MAX_ANNUAL; it is not made larger.",
        likely_cause="The market leans to the side that you are hedged on; in a crisis, settlements come more often.",
        what_to_do="Raise the cap if the hedge is worth it. After three settlements half of it goes, under a ceiling.",
        closes="When a settlement was not above the cap and what is paid is not, or when the position is gone.",
    ),
    AlertKind(
        code="halted_by_failure",
        severity="critical",
        meaning="The bot has halted itself: something that can never be has been, or its journal cannot be written.",
        likely_cause="A bug, a disk that is full or broken, or somebody else trading under the bot's order ids.",
        what_to_do="Read the sentence and the log before it, mend the cause, then `trimtab resume`. Stops stay.",
        closes="With `trimtab resume`; a restart says it again.",
    ),
    AlertKind(
        code="hard_halt",
        severity="critical",
        meaning="The owner has halted the bot hard: stops rest at the venue, but nobody makes them fit any more.",
        likely_cause="`trimtab halt --hard`.",
        what_to_do="`trimtab resume` when you want it back; `trimtab flatten` if everything should be closed.",
        closes="With `trimtab resume` or `trimtab flatten`.",
    ),
    AlertKind(
        code="hedge_refused",
        severity="warning",
        meaning="The venue takes no order for a hedge that a look wants: the gap stays open.",
        likely_cause="An account that was set otherwise (position mode, key, asset mode), a contract that is closed for"
        " trading, limits of the venue, or an overload.",
        what_to_do="Read the venue's reason in the sentence; `trimtab check` says what in the account is set wrong.",
        closes="With the first look whose order is taken, or that wants none there.",
    ),
    AlertKind(
        code="leg_reduced",
        severity="warning",
        meaning="A hedge was made smaller: its stop would not have stood clear of noise, or its funding cost too much.",
        likely_cause="Little margin, volatility that has grown, or funding above the cap for three settlements.",
        what_to_do="Put more margin into the wallet, or raise the cap. A ceiling keeps the hedge small until released.",
        closes="With the end of a funding ceiling, else not by itself; `trimtab status` lists ceilings and releases.",
    ),
    AlertKind(
        code="liquidation_doubt",
        severity="warning",
        meaning="The venue's liquidation price of a position and the bot's own arithmetic differ, or there is none.",
        likely_cause="Margin tiers that have changed, a position of yours in the same wallet, or a fault of the venue.",
        what_to_do="Compare with the venue's page. The bot acts on its own arithmetic and on the account's margin.",
        closes="When both agree again, or the position is closed.",
    ),
    AlertKind(
        code="look_skipped",
        severity="warning",
        meaning="A look was due and nothing could be decided: an input was missing, old or contradictory.",
        likely_cause="The venue does not answer, its prices are old, or it lists no balances.",
        what_to_do="Nothing at first: it is tried again soon. If it lasts, the sentence says what is missing.",
        closes="With the next look that comes to a decision.",
    ),
    AlertKind(
        code="margin",
        severity="critical",
        meaning="A futures wallet is on the margin ladder: warned of, given collateral, held back, cut, or closed.",
        likely_cause="Prices have moved against the hedges, which are paid for in cash while the coins gain on paper.",
        what_to_do="Move money into the futures wallet. The sentence says how far liquidation is and what is done.",
        closes="When both measures are better than the lowest rung by the hysteresis.",
    ),
    AlertKind(
        code="margin_unknown",
        severity="warning",
        meaning="The margin of a venue cannot be measured.",
        likely_cause="The venue does not answer, or leaves out a price or a position.",
        what_to_do="Look at the venue. Stops rest there; the ladder goes on with the first complete answer.",
        closes="With the first complete answer.",
    ),
    AlertKind(
        code="order_lost",
        severity="warning",
        meaning="The venue took an order that increases a hedge, and neither lists nor finds it any more.",
        likely_cause="Its servers are behind or contradict each other; it may come back and be filled at any time.",
        what_to_do="Look for the order on the venue's own page, and cancel it there if it is shown.",
        closes="When it is found, or after TRIMTAB_EXECUTION__LOST_AFTER; the next look measures what it has done.",
    ),
    AlertKind(
        code="owner_flow",
        severity="warning",
        meaning="Holdings of a coin have changed by more than the bot's own doing explains; increases wait.",
        likely_cause="You bought, sold, deposited or withdrew; or a wallet could not be read in full.",
        what_to_do="If it was you: `trimtab confirm-flow ASSET`. It is accepted by itself after TRIMTAB_FLOW_SETTLE.",
        closes="When it is confirmed, explained or has lasted long enough.",
    ),
    AlertKind(
        code="protection_blind",
        severity="critical",
        meaning="The stops of a venue could not be checked. Stops that rest there go on resting.",
        likely_cause="The venue does not answer.",
        what_to_do="Look at the venue's own page. The bot tries again within seconds.",
        closes="When the venue's stops could be checked.",
    ),
    AlertKind(
        code="stops_unlisted",
        severity="critical",
        meaning="The venue tells positions, margin and orders, and not its stop orders. Stops that are booked are"
        " believed to rest; a position without one is halved and then closed; nothing new is opened.",
        likely_cause="The venue has changed or lost its interface for stop orders.",
        what_to_do="Look at the stops on the venue's own page, and for a newer version of Trimtab. `trimtab flatten`"
        " closes everything if you do not want to wait.",
        closes="When the stops are listed again.",
    ),
    AlertKind(
        code="reconcile_failed",
        severity="warning",
        meaning="Journal and venue could not be compared.",
        likely_cause="The venue does not answer.",
        what_to_do="Nothing at first; it is tried again every minute. `/readyz` turns to `unreconciled` when it lasts.",
        closes="With the next comparison that succeeds.",
    ),
    AlertKind(
        code="roll_blocked",
        severity="critical",
        meaning="Positions that are about to expire cannot be looked after.",
        likely_cause="The venue does not answer, or tells nothing of a contract that is held.",
        what_to_do="Look at the venue's page. It goes on by itself as soon as the venue can be read.",
        closes="With the first check at which they can be looked after, or when none is left.",
    ),
    AlertKind(
        code="roll_gap",
        severity="critical",
        meaning="A position is half-way between two contracts for longer than TRIMTAB_ROLL__LEG_GAP_DEADLINE: one leg"
        " traded and the other did not.",
        likely_cause="A thin book, too little margin, or the outcome of an order that is not known yet.",
        what_to_do="Look at `trimtab status`. It is tried again at each check; the next look hedges what is left.",
        closes="When both legs are even again.",
    ),
    AlertKind(
        code="roll_halted",
        severity="critical",
        meaning="A contract that is held expires within three days, and trading is halted: nobody passes it on.",
        likely_cause="You have halted the bot, or it has halted itself.",
        what_to_do="`trimtab resume`, or close the position by hand before it expires.",
        closes="When trading is no longer halted, or the position is closed.",
    ),
    AlertKind(
        code="second_writer",
        severity="critical",
        meaning="An order carries the bot's mark and this journal never intended it. The bot has halted.",
        likely_cause="A second Trimtab on the same account, or an old journal that was restored.",
        what_to_do="Stop the other one. Cancel at the venue the orders under that mark which are not in"
        " `trimtab status`: while one is open the bot halts again. Then compare positions and `trimtab resume`.",
        closes="When no such order is open any more.",
    ),
    AlertKind(
        code="stop_out",
        severity="critical",
        meaning="A resting stop traded: the exposure that the hedge had taken off is open again.",
        likely_cause="A large move between two looks.",
        what_to_do="Look at the net effect in the sentence. A ceiling keeps the hedge from coming back for a day.",
        closes="It is not closed by itself; `trimtab status` lists the ceiling and its release.",
    ),
    AlertKind(
        code="symbol_locked",
        severity="critical",
        meaning="For an hour the venue's position and our trades have not added up; the contract may only be reduced.",
        likely_cause="A trade by hand, or one that the venue does not list, or no more.",
        what_to_do="`trimtab adopt SYMBOL` if the position is ours, `trimtab adopt SYMBOL --gone` if the venue's own"
        " page shows none any more, TRIMTAB_FOREIGN=SYMBOL:ignore if it is yours.",
        closes="When they add up again.",
    ),
    AlertKind(
        code="transfer_failed",
        severity="critical",
        meaning="Collateral that a futures wallet needs could not be moved there.",
        likely_cause="The venue refuses transfers, the key may not make them, or the money is not free.",
        what_to_do="Move it by hand. The bot tries again after growing waits, and cuts legs where that is too late.",
        closes="With the next transfer that is taken.",
    ),
    AlertKind(
        code="transfer_unknown",
        severity="warning",
        meaning="Collateral was sent to another wallet, and it is not known whether it has left or arrived.",
        likely_cause="The reply was lost, and the venue's list of transfers is late.",
        what_to_do="Look at the venue's own list. Until it is known nothing is sent twice, and legs are cut where"
        " margin asks for it.",
        closes="When the venue lists it, when a balance proves that it never left, or after a day without a trace.",
    ),
    AlertKind(
        code="unhedgeable",
        severity="warning",
        meaning="A targeted asset is off its target, and no contract that may be used hedges it. Others keep theirs.",
        likely_cause="The venue has delisted its contract, or the settings allow none that it lists.",
        what_to_do="Allow another contract or venue, change TRIMTAB_TARGETS, or trade the coin itself.",
        closes="When a contract is there, or the asset needs no hedge.",
    ),
    AlertKind(
        code="unprotected",
        severity="critical",
        meaning=(
            "A position, or a part of it, has been without a stop of its size for longer than the deadline. A position"
            " beyond the venue's largest order has several stops, at most five; the alert says how much of it has none."
        ),
        likely_cause="The venue refuses the stop, answers slowly, or its outcome is not known.",
        what_to_do="Look at the venue. The bot goes on: it tries again, halves what has no stop, then closes that.",
        closes="When the stop rests and has been read back, or the position is gone.",
    ),
    AlertKind(
        code="unstoppable",
        severity="critical",
        meaning="No stop can be worked out for a position: its terms or its price are missing.",
        likely_cause="A contract that is no longer listed, or a venue that gives no price for it.",
        what_to_do="Close the position by hand, or reserve it with TRIMTAB_FOREIGN=SYMBOL:ignore.",
        closes="It is not closed by itself; it ends with the process.",
    ),
    AlertKind(
        code="wallet_moved",
        severity="warning",
        meaning="A futures wallet holds more or less than trades, fees and funding explain.",
        likely_cause="You moved money into or out of it.",
        what_to_do="`trimtab confirm-flow` accepts it; `trimtab settle AMOUNT` if it was hedge profit that you moved.",
        closes="With the first look after it is explained.",
    ),
)
