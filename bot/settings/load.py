"""How does the environment become ``Settings``? Read once; every problem at once, one line each, with the mend."""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from bot.adapters.holdings import coins_in, named_twice
from bot.domain.errors import ConfigError
from bot.domain.instruments import Tenor
from bot.domain.policy import CASH, Scope
from bot.domain.units import decimal_text
from bot.settings.model import MarketKind, Mode, Settings

PREFIX = "TRIMTAB_"
#: Names that Kubernetes gives to containers beside a service called ``trimtab``.
_SERVICE_LINK = re.compile(r"TRIMTAB_(SERVICE_.*|PORT|PORT_.*)")
#: A line of an env file.
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*")


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment and the env file; the environment wins.

    Raises:
        ConfigError: one line per problem.
    """
    given = dict(os.environ if environ is None else environ)
    known = dict(variables())
    problems: list[str] = []
    values = _with_env_file(given, problems)
    values = _with_secret_files(values, known, problems)
    _complain_of_unknown(values, known, problems)
    settings = _parse({name: text for name, text in values.items() if name in known and text.strip()}, known, problems)
    if settings is not None:
        problems.extend(_cross_checks(settings, values))
    if problems or settings is None:
        raise ConfigError("\n".join(problems))
    return settings


def variables(model: type[BaseModel] = Settings, prefix: str = PREFIX) -> Iterator[tuple[str, Any]]:
    """Yield every variable with the field that it fills."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        # A block has a model of its own and no reader; a value that happens to be a model has one.
        if isinstance(inner, type) and issubclass(inner, BaseModel) and not field.metadata:
            yield from variables(inner, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}", field


def ignored_service_links(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the service-link names that were passed over."""
    return tuple(sorted(name for name in environ if _SERVICE_LINK.fullmatch(name)))


def _with_env_file(given: dict[str, str], problems: list[str]) -> dict[str, str]:
    named = given.pop("TRIMTAB_ENV_FILE", None)
    path = Path(named or ".env")
    ours = {name: text for name, text in given.items() if name.startswith(PREFIX)}
    if not path.is_file():
        if named:
            problems.append(f"TRIMTAB_ENV_FILE={named}: there is no such file")
        elif path.is_dir():
            problems.append(f"{path} is a folder: what is mounted there has to be a file")
        return ours
    try:
        # An editor may have put a byte-order mark before the first name.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        problems.append(f"{path} cannot be read ({err.strerror if isinstance(err, OSError) else 'not text in UTF-8'})")
        return ours
    return {**_from_lines(text, path, problems), **ours}


def _from_lines(text: str, path: Path, problems: list[str]) -> dict[str, str]:
    """Return what the lines of an env file set. A name that is there twice is a file that is half changed."""
    found: dict[str, str] = {}
    for place, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            problems.append(f"{path} line {place}: write NAME=value")
        elif match[1].startswith(PREFIX):
            if match[1] in found:
                problems.append(f"{path} line {place}: {match[1]} is set twice; keep one of the lines")
            try:
                found[match[1]] = _unquoted(match[2])
            except ValueError as err:
                problems.append(f"{path} line {place}: {err}")
    return found


def _unquoted(text: str) -> str:
    """Return a value without its quotes, or without the comment behind it.

    Raises:
        ValueError: a quote is not closed.
    """
    quote = text[:1]
    if quote not in ("'", '"'):
        return text.split(" #", 1)[0].rstrip()
    inner, closing, rest = text[1:].partition(quote)
    if not closing or (rest.strip() and not rest.lstrip().startswith("#")):
        raise ValueError(f"the quote {quote} is not closed")
    return inner


def _is_secret(field: Any) -> bool:
    return SecretStr in getattr(field.annotation, "__args__", (field.annotation,))


def _with_secret_files(values: dict[str, str], known: Mapping[str, Any], problems: list[str]) -> dict[str, str]:
    """Replace ``…_FILE`` by what the file holds, without its last line break."""
    result = dict(values)
    for name, field in known.items():
        file = result.pop(f"{name}_FILE", None) if _is_secret(field) else None
        if not file or not file.strip():
            continue
        if values.get(name):
            problems.append(f"{name} and {name}_FILE are both set: keep one of them")
            continue
        try:
            result[name] = Path(file).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as err:
            reason = err.strerror if isinstance(err, OSError) else "not text"
            problems.append(f"{name}_FILE={file}: the file cannot be read ({reason})")
    return result


def _complain_of_unknown(values: Mapping[str, str], known: Mapping[str, Any], problems: list[str]) -> None:
    for name in sorted(values):
        if name in known or _SERVICE_LINK.fullmatch(name):
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        problems.append(f"{name}: there is no such variable" + (f"; did you mean {near[0]}?" if near else ""))


def _parse(values: dict[str, str], known: Mapping[str, Any], problems: list[str]) -> Settings | None:
    lowered = {name.lower(): text for name, text in values.items()}

    class _Source(EnvSettingsSource):
        def _load_env_vars(self) -> Mapping[str, str | None]:
            return lowered

    class _FromEnvironment(BaseSettings, Settings):
        model_config = SettingsConfigDict(
            env_prefix=PREFIX,
            env_nested_delimiter="__",
            extra="ignore",
            frozen=True,
            nested_model_default_partial_update=True,
        )

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's signature
            env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's signature
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's signature
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's signature
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (_Source(settings_cls),)

    try:
        return _FromEnvironment()
    except ValidationError as err:
        problems.extend(_lines_of(err, values, known))
        return None


def _lines_of(err: ValidationError, values: Mapping[str, str], known: Mapping[str, Any]) -> Iterator[str]:
    for one in err.errors(include_url=False):
        name = PREFIX + "__".join(str(part).upper() for part in one["loc"])
        while name not in known and "__" in name:
            name = name.rpartition("__")[0]
        shown = "***" if name in known and _is_secret(known[name]) else values.get(name, "")
        cause = one.get("ctx", {}).get("error")
        mend = str(cause) if cause else _PLAIN.get(one["type"], one["msg"])
        yield f"{name}={_WHO.sub('//***@', shown)}: {mend}"


#: Words for what pydantic finds by itself.
#: Who an address is to be asked as, and the password.
_WHO = re.compile(r"//[^/@\s]*@")
_PLAIN = {
    "bool_parsing": "write true or false",
    "bool_type": "write true or false",
    "path_type": "write a path",
    "string_type": "write text",
}


def _cross_checks(settings: Settings, values: Mapping[str, str]) -> Iterator[str]:
    yield from _check_targets(settings)
    yield from _check_names(settings)
    yield from _check_bands(settings)
    yield from _check_mode(settings, values)
    yield from _check_pace(settings)
    yield from _check_margin(settings)
    yield from _check_roll(settings)
    yield from _check_funding(settings)
    if settings.stop.floor_sigmas > settings.stop.daily_sigmas:
        yield "TRIMTAB_STOP__FLOOR_SIGMAS: must not be above TRIMTAB_STOP__DAILY_SIGMAS"
    if settings.execution.max_rounds < 1:
        yield f"TRIMTAB_EXECUTION__MAX_ROUNDS={settings.execution.max_rounds}: write 1 or more"
    for name in ("max_increasing_orders_per_minute", "max_reducing_orders_per_minute"):
        if getattr(settings.risk, name) < 1:
            yield f"TRIMTAB_RISK__{name.upper()}={getattr(settings.risk, name)}: write 1 or more"


def _check_pace(settings: Settings) -> Iterator[str]:
    pace, execution = settings.volatility, settings.execution
    if settings.cadence is None and pace.reference is None:
        yield "TRIMTAB_CADENCE=off: nothing would make a look due; set TRIMTAB_VOLATILITY__REFERENCE, for example 60%"
    if pace.reference is not None and not pace.reference > 0:
        yield "TRIMTAB_VOLATILITY__REFERENCE=0%: write a volatility above 0%, or off"
    if not pace.min_interval <= pace.interval <= pace.max_interval:
        yield (
            "TRIMTAB_VOLATILITY__INTERVAL: must lie between TRIMTAB_VOLATILITY__MIN_INTERVAL and"
            " TRIMTAB_VOLATILITY__MAX_INTERVAL"
        )
    if not 0 < pace.min_action <= 1:
        yield f"TRIMTAB_VOLATILITY__MIN_ACTION={pace.min_action * 100:f}%: write a share above 0% and up to 100%"
    if settings.stop.take_profit is not None and not 0 < settings.stop.take_profit < 1:
        shown = settings.stop.take_profit * 100
        yield f"TRIMTAB_STOP__TAKE_PROFIT={shown:f}%: write a distance above 0% and below 100%, or off"
    if execution.work_interval >= min(execution.chase_deadline, execution.twap_duration):
        yield (
            "TRIMTAB_EXECUTION__WORK_INTERVAL: must be shorter than TRIMTAB_EXECUTION__CHASE_DEADLINE and"
            " TRIMTAB_EXECUTION__TWAP_DURATION"
        )


def _check_margin(settings: Settings) -> Iterator[str]:
    """Each rung begins nearer to liquidation than the one before it."""
    margin = settings.margin
    names = ("warn", "transfer", "cancel", "reduce", "flatten")
    for lower, higher in pairwise(names):
        one, next_one = getattr(margin, lower), getattr(margin, higher)
        if not (one.usage_frac < next_one.usage_frac and one.distance_frac > next_one.distance_frac):
            yield (
                f"TRIMTAB_MARGIN__{higher.upper()}: must have a higher usage and a shorter distance than"
                f" TRIMTAB_MARGIN__{lower.upper()}"
            )
    if not margin.flatten.usage_frac < 1:
        yield "TRIMTAB_MARGIN__FLATTEN: at a usage of 100% the venue liquidates; write less"
    if margin.hysteresis >= 1:
        yield f"TRIMTAB_MARGIN__HYSTERESIS={margin.hysteresis * 100:f}%: write a share below 100%"


def _check_funding(settings: Settings) -> Iterator[str]:
    if settings.funding.reduce_annual < settings.funding.max_annual:
        yield "TRIMTAB_FUNDING__REDUCE_ANNUAL: must not be below TRIMTAB_FUNDING__MAX_ANNUAL"


def _check_roll(settings: Settings) -> Iterator[str]:
    roll, watched = settings.roll, settings.watch.roll
    if not roll.passive_before > roll.spread_before > roll.outright_before:
        yield (
            "TRIMTAB_ROLL__SPREAD_BEFORE: must be shorter than TRIMTAB_ROLL__PASSIVE_BEFORE and longer than"
            " TRIMTAB_ROLL__OUTRIGHT_BEFORE"
        )
    if 4 * watched > roll.outright_before:
        yield "TRIMTAB_WATCH__ROLL: must be at most a quarter of TRIMTAB_ROLL__OUTRIGHT_BEFORE, or it comes too late"
    if not 0 < roll.max_leg_gap <= 1:
        shown = decimal_text(roll.max_leg_gap * 100)
        yield f"TRIMTAB_ROLL__MAX_LEG_GAP={shown}%: write a share above 0% and up to 100%"
    has_none = settings.mode is Mode.PAPER and settings.paper.dated_basis is None
    if has_none and Tenor.PERPETUAL not in settings.tenors:
        yield "TRIMTAB_TENORS=dated: the embedded exchange lists such contracts with TRIMTAB_PAPER__DATED_BASIS only"


def _check_targets(settings: Settings) -> Iterator[str]:
    total = sum(settings.targets.values(), Decimal(0))
    shown = ",".join(f"{asset}={decimal_text(weight * 100)}%" for asset, weight in settings.targets.items())
    has_cash = CASH in settings.targets
    if settings.scope is Scope.ASSETS and has_cash:
        yield f"TRIMTAB_TARGETS={shown}: CASH needs TRIMTAB_SCOPE=equity"
    elif settings.scope is Scope.ASSETS and total != 1:
        yield f"TRIMTAB_TARGETS={shown}: the weights add up to {decimal_text(total * 100)}%, not 100%"
    elif settings.scope is Scope.EQUITY and (total > 1 or (has_cash and total != 1)):
        yield (
            f"TRIMTAB_TARGETS={shown}: the weights add up to {decimal_text(total * 100)}%;"
            " with scope equity 100% at most, CASH being the rest"
        )
    if not any(asset != CASH for asset in settings.targets):
        yield f"TRIMTAB_TARGETS={shown}: name at least one coin"


def _check_names(settings: Settings) -> Iterator[str]:
    for asset in settings.contracts.by_asset:
        if asset not in settings.targets:
            yield f"TRIMTAB_CONTRACTS={settings.contracts}: {asset} is not one of the targets"
    folded = {alias.coin for alias in settings.aliases}
    for coin in settings.external_holdings:
        if coin not in settings.targets and coin not in folded:
            yield f"TRIMTAB_EXTERNAL_HOLDINGS: {coin} is not one of the targets, nor an alias of one"
    file = settings.external_holdings_file
    if file is not None and (twice := coins_in(file) & settings.external_holdings.keys()):
        yield named_twice(twice, file)


def _check_bands(settings: Settings) -> Iterator[str]:
    if not 0 < settings.band < 1:
        yield f"TRIMTAB_BAND={settings.band * 100:f}%: write a band above 0% and below 100%"
    if settings.band_relative <= 0:
        yield f"TRIMTAB_BAND_RELATIVE={settings.band_relative * 100:f}%: write a share above 0%"
    if settings.band_total is not None and settings.band_total <= 0:
        yield "TRIMTAB_BAND_TOTAL=0%: total exposure cannot be held exactly; write a share above 0%, or off"
    if not 0 < settings.edge_inset < 1:
        yield f"TRIMTAB_EDGE_INSET={settings.edge_inset * 100:f}%: write a share above 0% and below 100%"
    if not 0 < settings.risk.stress < 1:
        yield f"TRIMTAB_RISK__STRESS={settings.risk.stress * 100:f}%: write a move above 0% and below 100%"
    if not 0 < settings.stop.min_distance < 1:
        distance = settings.stop.min_distance * 100
        yield f"TRIMTAB_STOP__MIN_DISTANCE={distance:f}%: write a distance above 0% and below 100%"
    if not 0 <= settings.stop.liquidation_buffer < 1:
        yield f"TRIMTAB_STOP__LIQUIDATION_BUFFER={settings.stop.liquidation_buffer * 100:f}%: write a share below 100%"


def _check_mode(settings: Settings, values: Mapping[str, str]) -> Iterator[str]:
    if settings.mode is Mode.PAPER:
        yield from _check_paper(settings)
        return
    if not values.get("TRIMTAB_TARGETS", "").strip():
        yield f"TRIMTAB_TARGETS: must be set with TRIMTAB_MODE={settings.mode}, for example BTC=60%,ETH=40%"
    if settings.mode is Mode.LIVE:
        yield from _check_watch(settings)
    venues = {name: getattr(settings.venues, name) for name in type(settings.venues).model_fields}
    if not any(venue.api_key for venue in venues.values()):
        yield f"TRIMTAB_MODE={settings.mode}: needs an account, for example TRIMTAB_VENUES__BINANCEUSDM__API_KEY"
    for name, venue in venues.items():
        if bool(venue.api_key) != bool(venue.api_secret):
            yield f"TRIMTAB_VENUES__{name.upper()}: API_KEY and API_SECRET go together; one of them is missing"


#: Of real positions: what protects them is not looked at more rarely.
_MOST_RARELY = timedelta(minutes=10)


def _check_watch(settings: Settings) -> Iterator[str]:
    watch, most = settings.watch, f"{_MOST_RARELY // timedelta(minutes=1)}m"
    for name, interval, why in (
        ("PROTECTION", watch.protection, "a lost stop"),
        ("MARGIN", watch.margin, "margin that runs out"),
        ("RECONCILE", watch.reconcile, "a position that is not ours"),
    ):
        if interval > _MOST_RARELY:
            yield f"TRIMTAB_WATCH__{name}: must be at most {most} with TRIMTAB_MODE=live, or {why} is seen too late"


def _check_paper(settings: Settings) -> Iterator[str]:
    paper = settings.paper
    if paper.market is MarketKind.HISTORY and paper.data is None:
        yield "TRIMTAB_PAPER__DATA: must name the folder of market data with TRIMTAB_PAPER__MARKET=history"
    if paper.market is not MarketKind.HISTORY:
        for asset in settings.targets:
            if asset != CASH and asset not in paper.prices:
                yield f"TRIMTAB_PAPER__PRICES: names no price for {asset}, for example {asset}=10"
    if sum(paper.collateral.values(), Decimal(0)) == 0:
        yield "TRIMTAB_PAPER__COLLATERAL: there is no collateral, so nothing could be hedged; for example USDT=6000"
    for coin in paper.unified:
        if coin not in settings.targets:
            yield f"TRIMTAB_PAPER__UNIFIED: {coin} is no target, so the embedded exchange has no price for it"
