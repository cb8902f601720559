"""What happens to a contract at its end? It is listed, it is sampled, it is settled; the next one takes its place.

Rules of this file:

- A contract is settled at the average of its asset's index over the last half hour, one sample at the end of each
  minute, the last at the expiry itself. A market that began within that half hour has fewer.
- At the expiry its orders are cancelled first; then the position becomes a trade of the venue, which pays the delivery
  fee. No funding is paid, and nothing trades after it.
- What is listed follows from market time. Contracts that were traded stay known even when no more are listed: without
  a basis they cost what the index does, and they are settled when they expire.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from bot.domain.ids import Asset, Symbol
from bot.domain.orders import Purpose, Side
from bot.exchange.contracts import Contract
from bot.exchange.expiries import dated_contracts, expiry_of, known_expiries_us, listed_expiries_us, next_expiry_us
from bot.exchange.floor import Floor
from bot.exchange.liquidation import cover_flat_wallet, liquidate_where_due
from bot.exchange.matching import Matching
from bot.exchange.moments import FAR_US, MINUTE_US

_ZERO = Decimal(0)
_SAMPLES = 30


class Delivery:
    """Lists, samples and settles the contracts that expire."""

    def __init__(self, floor: Floor, matching: Matching) -> None:
        self._floor = floor
        self._matching = matching
        self._is_on = floor.config.dated_basis_annual is not None
        self._perpetuals = [one for one in floor.contracts.values() if one.expires_us is None]
        self._expiry_us = self._sample_us = FAR_US
        self._sums: dict[Asset, Decimal] = {}
        self._samples = 0
        #: When something is to be done, or the line of a dated price ends; never, while there are no such contracts.
        self.due_us = FAR_US
        #: When contracts are settled next, ahead of whatever else is due at that moment; never, likewise.
        self.settles_us = FAR_US

    def begin(self, document: dict[str, Any] | None, traded: Iterable[Symbol]) -> None:
        """List what is known at this moment, and go on with the expiry that is under way."""
        now_us = self._floor.now_us
        if self._is_on:
            for expiry_us in known_expiries_us(self._floor.market.start_us, now_us):
                self._list(expiry_us)
        for symbol in traded:
            expiry_of_it = expiry_of(symbol)
            if symbol not in self._floor.contracts and expiry_of_it is not None:
                self._list(expiry_of_it)
        if document is None:
            self._await(next_expiry_us(now_us))
        else:
            self._expiry_us, self._sample_us = document["expiry_us"], document["sample_us"]
            self._samples = document["samples"]
            self._sums = {Asset(name): Decimal(total) for name, total in document["sums"].items()}
        self._look_ahead()

    def to_document(self) -> dict[str, Any] | None:
        """Return where the expiry that is under way stands; None while there are no such contracts."""
        if self.due_us == FAR_US:
            return None
        return {
            "expiry_us": self._expiry_us,
            "sample_us": self._sample_us,
            "samples": self._samples,
            "sums": {asset: str(total) for asset, total in self._sums.items()},
        }

    def do_due(self) -> None:
        """Take the sample of this minute, and settle when it is the last."""
        now_us = self._floor.now_us
        if now_us >= self._sample_us:
            for asset in self._floor.config.assets:
                self._sums[asset] = self._sums.get(asset, _ZERO) + self._floor.index_of(asset)
            self._samples += 1
            self._sample_us += MINUTE_US
        if now_us >= self._expiry_us:
            self._settle_all()
            if self._is_on:
                self._list(listed_expiries_us(self._expiry_us)[-1])
            self._await(next_expiry_us(self._expiry_us))
        self._look_ahead()

    def _list(self, expiry_us: int) -> None:
        self._floor.contracts.update(dated_contracts(self._perpetuals, expiry_us))

    def _await(self, expiry_us: int) -> None:
        """Begin with an expiry: no sample is taken yet; the first is due 29 minutes before it, or with this minute."""
        this_minute_us = -(-self._floor.now_us // MINUTE_US) * MINUTE_US
        self._expiry_us = expiry_us
        self._sample_us = max(expiry_us - (_SAMPLES - 1) * MINUTE_US, this_minute_us)
        self._sums, self._samples = {}, 0

    def _look_ahead(self) -> None:
        floor = self._floor
        is_needed = self._is_on or any(
            one.expires_us is not None and one.expires_us >= self._expiry_us for one in floor.contracts.values()
        )
        if is_needed:
            self.due_us = min(self._sample_us, floor.dated.curve.cut_after_us(floor.now_us))
            self.settles_us = self._expiry_us
        else:
            self.due_us = self.settles_us = FAR_US

    def _settle_all(self) -> None:
        floor = self._floor
        for contract in [one for one in floor.contracts.values() if one.expires_us == self._expiry_us]:
            self._matching.cancel_all(contract, "the contract has expired")
            held = floor.accounts.contracts_of(contract.symbol)
            if held:
                self._settle(contract, held, self.settlement_price(contract.asset))
            floor.dated.forget(contract)
        liquidate_where_due(floor, self._matching)

    def take_off(self, contract: Contract) -> None:
        """Settle a contract at its mark, before its time or though it has none."""
        self._matching.cancel_all(contract, "the contract was delisted")
        held = self._floor.accounts.contracts_of(contract.symbol)
        if held:
            self._settle(contract, held, contract.tick_near(self._floor.mark_of(contract)))

    def _settle(self, contract: Contract, held: Decimal, price: Decimal) -> None:
        floor = self._floor
        self._matching.fill(
            contract,
            Side.SELL if held > 0 else Side.BUY,
            abs(held),
            price,
            forced=Purpose.SETTLEMENT,
            fee_frac=floor.config.delivery_fee_frac,
        )
        cover_flat_wallet(contract.wallet, floor)

    def settlement_price(self, asset: Asset) -> Decimal:
        """Return the average of the samples taken so far; there is one at least."""
        return (self._sums[asset] / self._samples).quantize(self._floor.feed.legs[asset].quantum)
