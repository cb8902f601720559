"""Is money moved once, whatever the venue's replies, its history and its balances leave open?"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.adapters.paper import PAPER, PaperVenue
from bot.bootstrap import Bot
from bot.domain.ids import Currency
from bot.domain.portfolio import AccountState, WalletKind
from bot.domain.transfers import Transfer, TransferDraft, TransferState
from bot.engine.transfers import Transfers
from bot.exchange.faults import FailRead, LagTransfers, LoseReply, LoseRequest
from tests.engine.rig import HOUR, MINUTE, Rig

USDT = Currency("USDT")
#: In force for as long as a test lasts.
ALWAYS = 1_000_000
DRAFT = TransferDraft(
    venue=PAPER,
    currency=USDT,
    source=WalletKind.SPOT,
    target=WalletKind.LINEAR_FUTURES,
    amount=Decimal(50),
    why="a test",
)
#: A transfer is sent, and the rest follows.
Then = Callable[[Bot], Awaitable[None]]


def rig(*, lag: timedelta = timedelta(0), delay: timedelta = timedelta(0)) -> Rig:
    """An account at a venue that names no transfer as ours."""
    one = Rig(spare={USDT: Decimal(4000)}, transfer_delay=delay)
    one.exchange.faults.on("fetch_transfers", LagTransfers(lag), times=ALWAYS)
    return one


async def send(bot: Bot) -> Transfer:
    account = await bot.desk.venues[PAPER].fetch_account()
    return await Transfers(bot.desk).send(DRAFT, account)


def states(one: Rig) -> list[TransferState]:
    return [transfer.state for transfer in one.journal.books.transfers.values()]


def test_what_never_left_is_absent_once_the_wallet_shows_that_it_holds_what_it_held() -> None:
    one = rig(lag=HOUR)
    one.exchange.faults.on("transfer", LoseRequest())
    one.run(MINUTE + timedelta(seconds=50), send)
    assert states(one) == [TransferState.UNKNOWN]
    assert "transfer_unknown" in one.alerts()
    one.run(2 * MINUTE)
    assert states(one) == [TransferState.ABSENT]
    assert "transfer_unknown" not in one.alerts()


def test_what_left_unseen_is_not_given_up_while_the_history_lags() -> None:
    one = rig(lag=5 * HOUR)
    one.exchange.faults.on("transfer", LoseReply())
    one.run(4 * HOUR, send)
    assert states(one) == [TransferState.UNKNOWN]
    one.run(2 * HOUR)
    assert states(one) == [TransferState.DONE]


def test_without_proof_a_transfer_is_given_up_after_a_day_of_silence() -> None:
    one = rig()
    one.exchange.faults.on("transfer", LoseRequest())

    async def move(bot: Bot) -> None:
        await send(bot)
        one.exchange.deposit(WalletKind.SPOT, USDT, Decimal(7))

    one.run(23 * HOUR, move)
    assert states(one) == [TransferState.UNKNOWN]
    one.run(2 * HOUR)
    assert states(one) == [TransferState.ABSENT]


@pytest.mark.parametrize("call", ["fetch_transfers", "fetch_account"])
def test_while_nothing_can_be_read_nothing_is_given_up(call: str) -> None:
    one = rig()
    one.exchange.faults.clear()
    one.exchange.faults.on("transfer", LoseRequest())

    async def hide(bot: Bot) -> None:
        await send(bot)
        one.exchange.faults.on(call, FailRead(), times=ALWAYS)

    one.run(HOUR, hide)
    assert states(one) == [TransferState.UNKNOWN]
    assert "transfer_unknown" in one.alerts()


def test_an_earlier_transfer_of_the_same_amount_is_not_taken_for_a_later_one() -> None:
    one = rig()

    async def twice(bot: Bot) -> None:
        first = await send(bot)
        assert first.state is TransferState.DONE
        one.exchange.faults.on("transfer", LoseRequest())
        await bot.desk.clock.sleep(timedelta(seconds=20))
        await send(bot)

    one.run(5 * MINUTE, twice)
    assert states(one) == [TransferState.DONE, TransferState.ABSENT]
    assert len(one.exchange.transfers.all) == 1


def test_one_that_the_venue_has_numbered_is_known_by_its_number() -> None:
    one = rig(delay=2 * MINUTE)

    async def moved_by_hand_too(bot: Bot) -> None:
        one.exchange.transfer((DRAFT.source, USDT), (DRAFT.target, USDT), DRAFT.amount, None)
        sent = await send(bot)
        assert (sent.state, sent.venue_transfer_id) == (TransferState.PENDING, "2")

    one.run(10 * MINUTE, moved_by_hand_too)
    (transfer,) = one.journal.books.transfers.values()
    assert (transfer.state, transfer.venue_transfer_id) == (TransferState.DONE, "2")


class FundingDark(PaperVenue):
    """Some of the cash lies in the funding wallet, which counts as spot, and whose host does not answer at first."""

    is_dark = True

    async def fetch_account(self) -> AccountState:
        account = await super().fetch_account()
        if not self.is_dark:
            return account
        told = (line for line in account.balances if (line.wallet, line.currency) != (WalletKind.SPOT, USDT))
        (cash,) = (line for line in account.balances if (line.wallet, line.currency) == (WalletKind.SPOT, USDT))
        lines = (*told, replace(cash, balance=cash.balance - 50))
        return replace(account, balances=lines, unreadable_wallets=("Funding",))


def test_a_wallet_that_was_not_read_whole_proves_nothing() -> None:
    """What was missing of it when the transfer left is just what the transfer took away."""
    one = rig(lag=HOUR)
    one.venue_kind = FundingDark
    one.exchange.faults.on("transfer", LoseReply())

    async def act(bot: Bot) -> None:
        await send(bot)
        (venue,) = bot.desk.venues.values()
        assert isinstance(venue, FundingDark)
        venue.is_dark = False

    one.run(4 * MINUTE, act)
    assert states(one) == [TransferState.UNKNOWN]
