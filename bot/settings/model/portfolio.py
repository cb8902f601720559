"""What is hedged with what? Contracts, tenors, coins that count as others, contracts that are the owner's."""

from collections.abc import Mapping
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.instruments import ContractKind, Tenor
from bot.domain.portfolio import Alias
from bot.settings import human


def read_aliases(text: str) -> tuple[Alias, ...]:
    """Read ``WBTC=BTC,STETH=ETH*1.04``."""

    def read(right: str) -> tuple[str, Decimal]:
        asset, star, ratio = right.partition("*")
        return human.name(asset), human.positive(ratio) if star else Decimal(1)

    found = human.pairs(text, read, "WBTC=BTC,STETH=ETH")
    for coin, (asset, _) in found.items():
        if asset in found or coin == asset:
            raise ValueError(f"{coin} stands for {asset}, which stands for something else: name the coin itself")
    return tuple(Alias(coin=Currency(coin), asset=Asset(asset), ratio=ratio) for coin, (asset, ratio) in found.items())


def read_foreign(text: str) -> frozenset[Symbol]:
    """Read ``BTC/USDT:USDT:ignore,…``."""
    symbols = set()
    for part in filter(None, (one.strip() for one in text.split(","))):
        symbol, _, what = part.rpartition(":")
        if what != "ignore" or "/" not in symbol:
            raise ValueError("write it like BTC/USDT:USDT:ignore")
        symbols.add(Symbol(symbol))
    return frozenset(symbols)


def read_tenors(text: str) -> tuple[Tenor, ...]:
    """Read ``perpetual,dated``."""
    parts = [one.strip().lower() for one in text.split(",") if one.strip()]
    if not parts or set(parts) - set(Tenor) or len(set(parts)) < len(parts):
        raise ValueError("write perpetual, dated, or perpetual,dated")
    return tuple(Tenor(one) for one in parts)


class Contracts(BaseModel):
    """Kinds of contract that may hold hedges."""

    model_config = ConfigDict(frozen=True)

    general: tuple[ContractKind, ...] = (ContractKind.LINEAR,)
    by_asset: Mapping[str, tuple[ContractKind, ...]] = {}

    def __str__(self) -> str:
        named = [f"{asset}:{kind}" for asset, kinds in self.by_asset.items() for kind in kinds]
        return ",".join([*self.general, *named])


def read_contracts(text: str) -> Contracts:
    """Read ``linear`` or ``linear,BTC:inverse``."""
    general: list[ContractKind] = []
    by_asset: dict[str, tuple[ContractKind, ...]] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        asset, colon, kind_text = part.rpartition(":")
        try:
            kind = ContractKind(kind_text.lower())
        except ValueError:
            raise ValueError("write linear, inverse, or for one asset BTC:inverse") from None
        if colon:
            key = human.name(asset)
            by_asset[key] = (*by_asset.get(key, ()), kind)
        else:
            general.append(kind)
    return Contracts(general=tuple(general) or (ContractKind.LINEAR,), by_asset=by_asset)
