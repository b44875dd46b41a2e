"""Members with their cards: locking, finding, adding and revising them."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Row, text

from wallet_service.domain.card import Card, Revised
from wallet_service.domain.event import Customer
from wallet_service.domain.face import Face
from wallet_service.domain.ledger import MEMBER_ACCOUNTS
from wallet_service.domain.member import Membership, Position, Profile
from wallet_service.domain.template import Movement
from wallet_service.domain.tiering import Amounts, Rank
from wallet_service.storage import lots
from wallet_service.storage.balances import reminder
from wallet_service.storage.lots import Ahead
from wallet_service.storage.programs import Opened

PUBLIC_ID_PREFIX = "mem_"
ERASED_PREFIX = "erased:"  # in place of the merchant's own id, before our own

# Two namespaces of advisory locks; their keys are hashes, so a rare collision makes two wait that need not.
_LOCK_CUSTOMER = text("""
    SELECT pg_advisory_xact_lock(hashtextextended('customer', :program_id) # hashtextextended(:id, 1))
""")
_TRY_CUSTOMER = text("""
    SELECT pg_try_advisory_xact_lock(hashtextextended('customer', :program_id) # hashtextextended(:id, 1))
""")
_LOCK_ORDER = text("""
    SELECT pg_advisory_xact_lock(hashtextextended('order', :source_id) # hashtextextended(:id, 2))
""")
_LOCK_BOTH = text("""
    SELECT pg_advisory_xact_lock(hashtextextended('order', :source_id) # hashtextextended(:order_id, 2)) AS order_lock,
           pg_advisory_xact_lock(hashtextextended('customer', :program_id) # hashtextextended(:external_id, 1))
               AS customer_lock
""")
_LOCK_CARDS = text("SELECT id FROM cards WHERE id = ANY(:card_ids) ORDER BY id FOR UPDATE")
_EXTERNAL_ID = text("""
    SELECT members.external_id FROM members LEFT JOIN cards ON cards.member_id = members.id
    WHERE members.program_id = :program_id AND members.erased_at IS NULL
      AND (public_id = :member_id OR cards.code = :card_code AND cards.replaced_at IS NULL)
""")
_COLUMNS = """
    members.id AS member_id, members.program_id, public_id, external_id, enrolled_at, name, locale, birth_month,
    birth_day, cause, cards.id AS card_id, serial_number, authentication_token, cards.code, pass_type_identifier,
    revision, modified_at, announced, face_digest, own_digest, voided_at, replaced_at, available, pending, held,
    active_at, spend_total, earned_total, orders_total, referrals_total, qualifying, tier, tier_since, tier_until,
    tier_measured_to, tier_manual, tier_floor, tier_floor_until, tier_last_day,
    paid_since, paid_until, dying, dying_on, movements, rewards, granted, reminders, due_at,
    balances.program_version,
    (SELECT external_id FROM members AS survivor WHERE survivor.id = members.merged_into) AS merged_into,
    EXISTS (
        SELECT FROM programs AS owned JOIN webhook_endpoints ON webhook_endpoints.merchant_id = owned.merchant_id
        WHERE owned.id = members.program_id AND webhook_endpoints.state = 'active'
    ) AS listened
"""
_JOINED = """
    JOIN balances ON balances.member_id = members.id
    LEFT JOIN profiles ON profiles.member_id = members.id
"""
_FROM = f"FROM members JOIN cards ON cards.member_id = members.id AND cards.replaced_at IS NULL {_JOINED}"
_EVERY_CARD = f"FROM members JOIN cards ON cards.member_id = members.id {_JOINED}"
# The member first: before the tables have statistics, the planner would begin with the cards and read all of them.
_NAMED = (
    "WITH named AS MATERIALIZED (SELECT * FROM members WHERE program_id = :program_id AND external_id = :external_id)"
)
_OF_NAMED = _FROM.replace("FROM members", "FROM named AS members")
_BY_EXTERNAL_ID = text(f"{_NAMED} SELECT {_COLUMNS} {_OF_NAMED}")
_WITH_AHEAD = text(f"{_NAMED} SELECT {_COLUMNS}, {lots.AHEAD} {_OF_NAMED}")
_SEVERAL = text(f"""
    SELECT {_COLUMNS} {_FROM} WHERE members.program_id = :program_id AND external_id = ANY(:external_ids)
""")
_LOOK = f"""
    SELECT {_COLUMNS}, programs.template, programs.version AS newest_version, template_version,
           EXISTS (SELECT FROM wallets WHERE card_id = cards.id AND platform = 'apple' AND fetched < revision)
               AS unfetched
"""
_PROGRAMS = "JOIN programs ON programs.id = members.program_id"
_FOUND = f"{_LOOK} {_FROM} {_PROGRAMS}"
_FOUND_CARD = f"{_LOOK} {_EVERY_CARD} {_PROGRAMS}"
_BY_SERIAL = text(f"{_FOUND_CARD} WHERE serial_number = :serial_number")
_BY_CARDS = text(f"{_FOUND_CARD} WHERE cards.id = ANY(:card_ids)")
_BY_MEMBERS = text(f"{_FOUND} WHERE members.id = ANY(:member_ids) ORDER BY members.id")
_ADD_MEMBER = text("""
    WITH member AS (
        INSERT INTO members (program_id, public_id, external_id, enrolled_at)
        VALUES (:program_id, :public_id, :external_id, :now) RETURNING id
    ), account AS (
        INSERT INTO ledger_accounts (program_id, kind, member_id)
        SELECT CAST(:program_id AS bigint), kind, id FROM member CROSS JOIN unnest(CAST(:kinds AS text[])) AS kind
    ), balance AS (
        INSERT INTO balances (member_id, available, qualifying) SELECT id, 0, 0 FROM member
    )
    SELECT id FROM member
""")
_ADD_CARD = text("""
    INSERT INTO cards (member_id, serial_number, authentication_token, code, pass_type_identifier, revision,
                       modified_at, face_digest, own_digest, template_version, created_at)
    VALUES (:member_id, :serial_number, :authentication_token, :code, :pass_type_identifier, 1,
            :modified_at, :face_digest, :own_digest, :template_version, :now)
    RETURNING id
""")
_SET_PROFILE = text("""
    INSERT INTO profiles (member_id, name, locale, birth_month, birth_day, cause)
    VALUES (:member_id, :name, :locale, :birth_month, :birth_day, :cause)
    ON CONFLICT (member_id) DO UPDATE
    SET name = coalesce(excluded.name, profiles.name), locale = coalesce(excluded.locale, profiles.locale),
        birth_month = coalesce(excluded.birth_month, profiles.birth_month),
        birth_day = coalesce(excluded.birth_day, profiles.birth_day), cause = coalesce(excluded.cause, profiles.cause)
""")
_CLEAR = {
    "name": text("UPDATE profiles SET name = NULL WHERE member_id = :member_id"),
    "locale": text("UPDATE profiles SET locale = NULL WHERE member_id = :member_id"),
    "birthday": text("UPDATE profiles SET birth_month = NULL, birth_day = NULL WHERE member_id = :member_id"),
    "cause": text("UPDATE profiles SET cause = NULL WHERE member_id = :member_id"),
}
_REVISE = text("""
    UPDATE cards
    SET revision = :revision, modified_at = :modified_at, announced = :announced, face_digest = :digest,
        own_digest = :own_digest, template_version = :template_version, changed_xid = pg_current_xact_id()
    WHERE id = :id
""")
_STALE = text("""
    SELECT members.program_id, external_id, cards.id
    FROM cards JOIN members ON members.id = cards.member_id JOIN balances ON balances.member_id = members.id
    WHERE members.program_id = :program_id AND cards.id > :after AND cards.replaced_at IS NULL
      AND (template_version <> :version OR balances.program_version <> :number)
    ORDER BY cards.id LIMIT :most
""")
_PAGE = text(f"""
    SELECT {_COLUMNS} {_FROM} WHERE members.program_id = :program_id AND members.id > :after
    ORDER BY members.id LIMIT :most
""")
# A page is cut off the members alone, so that it takes as long at the end of a million as at the beginning.
_ADDRESSEES = text("""
    SELECT page.id, public_id, external_id, locale,
           merged_into IS NULL AND cards.id IS NOT NULL AND voided_at IS NULL AS valid
    FROM (
        SELECT id, public_id, external_id, merged_into FROM members
        WHERE program_id = :program_id AND id > :after ORDER BY id LIMIT :most
    ) AS page
    LEFT JOIN cards ON cards.member_id = page.id AND replaced_at IS NULL
    LEFT JOIN profiles ON profiles.member_id = page.id
    ORDER BY page.id
""")
_LISTED = text("""
    SELECT id FROM members
    WHERE program_id = :program_id AND erased_at IS NULL
      AND id > coalesce((SELECT id FROM members WHERE public_id = :after AND program_id = :program_id), 0)
    ORDER BY id LIMIT :most
""")
_AFTER = text("SELECT id FROM cards WHERE id > :after ORDER BY id LIMIT :most")
_PERSON = text("""
    WITH named AS (
        SELECT coalesce(merged_into, id) AS id FROM members
        WHERE program_id = :program_id AND external_id = :external_id
    )
    SELECT external_id FROM members
    WHERE id = (SELECT id FROM named) OR merged_into = (SELECT id FROM named) ORDER BY id
""")
_MERGED_INTO = text(f"SELECT {_COLUMNS} {_FROM} WHERE members.merged_into = :member_id ORDER BY members.id")
_BY_PUBLIC_ID = text(f"{_FOUND} WHERE public_id = :public_id AND erased_at IS NULL")
_SURVIVOR = text("""
    SELECT survivor.external_id FROM members JOIN members AS survivor ON survivor.id = members.merged_into
    WHERE members.program_id = :program_id AND members.external_id = :external_id
""")
_MEANT = text("""
    SELECT found.id, coalesce(survivor.external_id, found.external_id) AS external_id
    FROM (
        SELECT external_id AS id, external_id, merged_into FROM members
        WHERE program_id = :program_id AND external_id = ANY(:ids) AND erased_at IS NULL
        UNION ALL
        SELECT public_id, external_id, merged_into FROM members
        WHERE program_id = :program_id AND public_id = ANY(:ids) AND erased_at IS NULL AND public_id <> external_id
    ) AS found (id, external_id, merged_into)
    LEFT JOIN members AS survivor ON survivor.id = found.merged_into
""")
_MERGE = text("""
    WITH merged AS (
        UPDATE members SET merged_into = :survivor_id WHERE id = :member_id OR merged_into = :member_id
    ), idle AS (
        UPDATE balances SET due_at = NULL WHERE member_id = :member_id
    ), undelayed AS (
        DELETE FROM calendar_delays WHERE member_id = :member_id
    ), taken_over AS (
        UPDATE orders SET member_id = :survivor_id WHERE member_id = :member_id
    )
    INSERT INTO award_uses (member_id, code, key, at, times)
    SELECT :survivor_id, code, key, at, times FROM award_uses WHERE member_id = :member_id
""")
_ERASE = text(f"""
    WITH erased AS (
        UPDATE members SET external_id = '{ERASED_PREFIX}' || public_id, erased_at = :now WHERE id = ANY(:member_ids)
        RETURNING id, public_id
    ), person AS (
        DELETE FROM profiles WHERE member_id = ANY(:member_ids)
    ), idle AS (
        UPDATE balances SET due_at = NULL WHERE member_id = ANY(:member_ids)
    ), undelayed AS (
        DELETE FROM calendar_delays WHERE member_id = ANY(:member_ids)
    )
    UPDATE events SET body = '', answer = answer - 'customer_id'
    WHERE answer ->> 'member_id' IN (SELECT public_id FROM erased)
       OR (source_id, answer ->> 'order_id') IN (
           SELECT source_id, order_id FROM orders WHERE member_id = ANY(:member_ids))
""")
_NUMBER = text("SELECT count(*) FROM members WHERE program_id = :program_id")
_PROGRAM_OF = text("SELECT program_id FROM members WHERE public_id = :public_id")
_EXISTS = text("SELECT EXISTS (SELECT FROM members WHERE program_id = :program_id AND external_id = :external_id)")
_REPLACE = text("UPDATE cards SET voided_at = coalesce(voided_at, :now), replaced_at = :now WHERE id = :card_id")
_RECODE = text("UPDATE cards SET code = :code WHERE id = :card_id")
_VOID = text("UPDATE cards SET voided_at = :now WHERE id = :card_id")
_KEEP_FACES = text("""
    UPDATE cards SET template_version = :template_version, own_digest = told.own_digest
    FROM unnest(CAST(:ids AS bigint[]), CAST(:own_digests AS bytea[])) AS told (id, own_digest)
    WHERE cards.id = told.id
""")
_VERSIONS = text("""
    SELECT programs.id, programs.template, programs.version, programs.merchant_id, template_version,
           balances.program_version,
           count(*) AS cards
    FROM cards JOIN members ON members.id = cards.member_id JOIN programs ON programs.id = members.program_id
    JOIN balances ON balances.member_id = members.id
    WHERE cards.replaced_at IS NULL
    GROUP BY programs.id, template_version, balances.program_version
""")


@dataclass(frozen=True, slots=True)
class Found:
    """A card's member, the template that draws it, and whether a wallet of it is not known to hold its newest face.

    `program_version` is the newest version of the programme, `template_version` what drew the card last.
    """

    member: Membership
    program_id: int
    template: str
    program_version: int
    template_version: str
    unfetched: bool


@dataclass(frozen=True, slots=True)
class Addressee:
    """A member as far as somebody is told who writes to all of them; `valid` says whether there is a card to open."""

    id: int
    public_id: str
    external_id: str
    locale: str | None
    valid: bool


def lock_customer(tx: Connection, program_id: int, external_id: str) -> None:
    """Make everybody else wait who touches this customer, enrolled or not, until the transaction ends."""
    tx.execute(_LOCK_CUSTOMER, {"program_id": program_id, "id": external_id})


def try_lock_customer(tx: Connection, program_id: int, external_id: str) -> bool:
    """Take the customer's lock if nobody has it; who does not wait may try with other locks in hand."""
    taken: bool = tx.execute(_TRY_CUSTOMER, {"program_id": program_id, "id": external_id}).scalar_one()
    return taken


def lock_customers(tx: Connection, customers: Iterable[tuple[int, str]]) -> None:
    """Make everybody else wait who touches any of these, given by programme and the merchant's own id.

    All take them in one order, so that two who take many wait for each other and not in a circle.
    """
    for program_id, external_id in sorted(customers):
        lock_customer(tx, program_id, external_id)


def lock_cards(tx: Connection, card_ids: Iterable[int]) -> None:
    """Hold several cards still, in their order; take their customers' locks before, and any wallet after."""
    tx.execute(_LOCK_CARDS, {"card_ids": list(card_ids)})


def lock_order(tx: Connection, source_id: int, order_id: str) -> None:
    """Make everybody else wait who touches this order. Take it before the customer's lock, never after."""
    tx.execute(_LOCK_ORDER, {"source_id": source_id, "id": order_id})


def lock_order_and_customer(
    tx: Connection, *, source_id: int, order_id: str, program_id: int, external_id: str
) -> None:
    """Take both locks at once, the order's first."""
    values = {"source_id": source_id, "order_id": order_id, "program_id": program_id, "external_id": external_id}
    tx.execute(_LOCK_BOTH, values)


def external_id(tx: Connection, program_id: int, customer: Customer) -> str | None:
    """Return the merchant's own id of whoever is named; None if a member id or card code is not known.

    A merchant who keeps our member id in place of an own one may send it as such: no other id looks like it. What
    stands in place of the id of whoever was erased names nobody.
    """
    if customer.id is not None and is_nobodys(customer.id):
        return None
    if customer.id is not None and not customer.id.startswith(PUBLIC_ID_PREFIX):
        return customer.id
    ours = customer.member_id or customer.id
    values = {"program_id": program_id, "member_id": ours, "card_code": customer.card_code}
    found: str | None = tx.execute(_EXTERNAL_ID, values).scalar()
    return found or customer.id


def is_nobodys(external_id: str) -> bool:
    """Whether it stands in place of the id of somebody who was erased."""
    return external_id.startswith(ERASED_PREFIX)


def survivor(tx: Connection, program_id: int, external_id: str) -> str:
    """Return the merchant's own id of the member that this one has become one with, if it has; else the same."""
    values = {"program_id": program_id, "external_id": external_id}
    found: str | None = tx.execute(_SURVIVOR, values).scalar()
    return found or external_id


def meant(tx: Connection, program_id: int, ids: Iterable[str]) -> dict[str, str]:
    """Return whom ids mean, the merchant's own or ours, as far as they are members: the merchant's own id of each.

    Who has become one with another is that one.
    """
    rows = tx.execute(_MEANT, {"program_id": program_id, "ids": list(ids)})
    return {row.id: row.external_id for row in rows}


def merge(tx: Connection, member_id: int, survivor_id: int) -> None:
    """Have a member, and all that were merged into it, stand for the survivor, who takes over orders and limits.

    The calendar has nothing more to do with the member.
    """
    tx.execute(_MERGE, {"member_id": member_id, "survivor_id": survivor_id})


def exists(tx: Connection, program_id: int, external_id: str) -> bool:
    """Whether there is a member with that id of the merchant's own."""
    found: bool = tx.execute(_EXISTS, {"program_id": program_id, "external_id": external_id}).scalar_one()
    return found


def erase(tx: Connection, member_ids: Collection[int], *, now: datetime) -> None:
    """Drop what is personal of members, in what was sent about them, too; the books are not touched.

    What was sent of an order before its customer had joined is found by the order.
    """
    tx.execute(_ERASE, {"member_ids": list(member_ids), "now": now})


def find(tx: Connection, program_id: int, external_id: str) -> Membership | None:
    """Return the member with that id of the merchant's own."""
    row = tx.execute(_BY_EXTERNAL_ID, {"program_id": program_id, "external_id": external_id}).first()
    return _membership(row) if row else None


def find_several(tx: Connection, program_id: int, external_ids: Iterable[str]) -> dict[str, Membership]:
    """Return those of the members who are there, by the merchant's own id."""
    rows = tx.execute(_SEVERAL, {"program_id": program_id, "external_ids": list(external_ids)})
    return {row.external_id: _membership(row) for row in rows}


def ask(tx: Connection, program_id: int, external_id: str) -> Callable[[], tuple[Membership, Ahead] | None]:
    """Ask for the member with that id of the merchant's own, and what comes next to it by the calendar.

    The answer is fetched when it is called for.
    """
    answer = tx.execute(_WITH_AHEAD, {"program_id": program_id, "external_id": external_id})

    def told() -> tuple[Membership, Ahead] | None:
        row = answer.first()
        return (_membership(row), lots.ahead_of(row)) if row else None

    return told


def find_by_serial(tx: Connection, serial_number: str) -> Found | None:
    """Return the member who holds the card."""
    row = tx.execute(_BY_SERIAL, {"serial_number": serial_number}).first()
    return _found(row) if row else None


def find_by_cards(tx: Connection, card_ids: Iterable[int]) -> dict[int, Found]:
    """Return the members who hold these cards, by the card."""
    rows = tx.execute(_BY_CARDS, {"card_ids": list(card_ids)})
    return {row.card_id: _found(row) for row in rows}


def find_by_members(tx: Connection, member_ids: Iterable[int]) -> list[Found]:
    """Return these members in the order of their ids, as far as they have cards."""
    return [_found(row) for row in tx.execute(_BY_MEMBERS, {"member_ids": list(member_ids)})]


def person(tx: Connection, program_id: int, external_id: str) -> list[str]:
    """Return the merchant's own ids of all members that are one person with this one, it included."""
    values = {"program_id": program_id, "external_id": external_id}
    return list(tx.execute(_PERSON, values).scalars())


def merged_into(tx: Connection, member_id: int) -> list[Membership]:
    """Return all who have become one with a member that is left."""
    return [_membership(row) for row in tx.execute(_MERGED_INTO, {"member_id": member_id})]


def find_by_public_id(tx: Connection, public_id: str) -> Found | None:
    """Return the member with that id of ours."""
    row = tx.execute(_BY_PUBLIC_ID, {"public_id": public_id}).first()
    return _found(row) if row else None


def page_of(tx: Connection, program_id: int, *, after: int, most: int) -> list[Membership]:
    """Return up to `most` members of a programme in the order of their ids, from the one `after` on."""
    rows = tx.execute(_PAGE, {"program_id": program_id, "after": after, "most": most})
    return [_membership(row) for row in rows]


def addressees(tx: Connection, program_id: int, *, after: int, most: int) -> list[Addressee]:
    """Return up to `most` members of a programme in the order of their ids, from the one `after` on."""
    rows = tx.execute(_ADDRESSEES, {"program_id": program_id, "after": after, "most": most})
    return [Addressee(*row) for row in rows]


def number(tx: Connection, program_id: int) -> int:
    """Return how many members a programme has, those included who have become one with another or were erased."""
    counted: int = tx.execute(_NUMBER, {"program_id": program_id}).scalar_one()
    return counted


def program_of(tx: Connection, public_id: str) -> int | None:
    """Return the programme to which the member of that id belongs, or belonged before it was erased."""
    found: int | None = tx.execute(_PROGRAM_OF, {"public_id": public_id}).scalar()
    return found


def listed(tx: Connection, program_id: int, *, after: str | None, most: int) -> list[Found]:
    """Return up to `most` members of a programme in the order in which they joined, from the id of ours `after` on."""
    values = {"program_id": program_id, "after": after, "most": most}
    return find_by_members(tx, tx.execute(_LISTED, values).scalars())


def cards_after(tx: Connection, after: int, *, most: int) -> list[int]:
    """Return up to `most` cards in the order of their ids, from the one `after` on."""
    return list(tx.execute(_AFTER, {"after": after, "most": most}).scalars())


def add(tx: Connection, *, program_id: int, public_id: str, external_id: str, now: datetime) -> int:
    """Add a member with an empty account and return its id."""
    values = {"program_id": program_id, "public_id": public_id, "external_id": external_id, "now": now}
    values["kinds"] = list(MEMBER_ACCOUNTS)
    member_id: int = tx.execute(_ADD_MEMBER, values).scalar_one()
    return member_id


def add_card(
    tx: Connection, *, member_id: int, card: Card, code: str, face: Face, template_version: str, now: datetime
) -> int:
    """Add the member's card in its first revision and return its id."""
    values = {
        "member_id": member_id,
        "serial_number": card.serial_number,
        "authentication_token": card.authentication_token,
        "code": code,
        "pass_type_identifier": card.pass_type_identifier,
        "modified_at": card.modified_at,
        "face_digest": face.digest(),
        "own_digest": face.own_digest(),
        "template_version": template_version,
        "now": now,
    }
    card_id: int = tx.execute(_ADD_CARD, values).scalar_one()
    return card_id


def set_profile(tx: Connection, *, member_id: int, profile: Profile) -> None:
    """Keep what is personal; what is None stays as it was, unless it is cleared."""
    for name in profile.cleared:
        tx.execute(_CLEAR[name], {"member_id": member_id})
    month, day = profile.birthday or (None, None)
    values = {"name": profile.name, "locale": profile.locale, "cause": profile.cause}
    tx.execute(_SET_PROFILE, values | {"member_id": member_id, "birth_month": month, "birth_day": day})


def revise(tx: Connection, revised: Sequence[Revised], *, template_version: str) -> None:
    """Write the cards' new revisions, in the order in which all lock cards."""
    cards = [
        {
            "id": each.card.id,
            "revision": each.card.revision,
            "modified_at": each.card.modified_at,
            "announced": each.card.announced,
            "digest": each.digest,
            "own_digest": each.own_digest,
            "template_version": template_version,
        }
        for each in sorted(revised, key=lambda each: each.card.id)
    ]
    tx.execute(_REVISE, cards)


def void(tx: Connection, card_id: int, *, now: datetime) -> None:
    """Note that the card is no longer valid."""
    tx.execute(_VOID, {"card_id": card_id, "now": now})


def replaced(tx: Connection, card_id: int, *, now: datetime) -> None:
    """Note that the member has another card from now on, and that this one is no longer valid."""
    tx.execute(_REPLACE, {"card_id": card_id, "now": now})


def recode(tx: Connection, card_id: int, code: str) -> None:
    """Give the card another code; the one before is nobody's any more."""
    tx.execute(_RECODE, {"card_id": card_id, "code": code})


def stale(
    tx: Connection, program_id: int, *, version: str, number: int, after: int, most: int
) -> list[tuple[int, str, int]]:
    """Return programme, merchant's id and card of up to `most` members whose card was drawn from another version.

    Those count, too, whose position goes by another `number` of the rules. They come in the order of their cards' ids,
    from the one `after` on.
    """
    rows = tx.execute(
        _STALE, {"program_id": program_id, "version": version, "number": number, "after": after, "most": most}
    )
    return [(row.program_id, row.external_id, row.id) for row in rows]


def keep_faces(tx: Connection, own_digests: dict[int, bytes], *, template_version: str) -> None:
    """Note that these cards look the same when drawn from this version of their template; takes digests by card."""
    values = {"ids": list(own_digests), "own_digests": list(own_digests.values()), "template_version": template_version}
    tx.execute(_KEEP_FACES, values)


def drawn_from(tx: Connection) -> list[tuple[Opened, str, int, int]]:
    """Return each version of a template that cards were drawn from, with its programme.

    And with the number of the rules that their members' positions go by, and how many cards they are.
    """
    return [
        (
            Opened(row.id, row.template, row.version, row.merchant_id),
            row.template_version,
            row.program_version,
            row.cards,
        )
        for row in tx.execute(_VERSIONS)
    ]


def _found(row: Row[tuple[object, ...]]) -> Found:
    return Found(
        _membership(row), row.program_id, row.template, row.newest_version, row.template_version, row.unfetched
    )


def _membership(row: Row[tuple[object, ...]]) -> Membership:
    card = Card(
        id=row.card_id,
        serial_number=row.serial_number,
        authentication_token=row.authentication_token,
        pass_type_identifier=row.pass_type_identifier,
        revision=row.revision,
        modified_at=row.modified_at,
        announced=row.announced,
    )
    return Membership(
        id=row.member_id,
        program_id=row.program_id,
        public_id=row.public_id,
        external_id=row.external_id,
        enrolled_at=row.enrolled_at,
        profile=Profile(row.name, row.locale, (row.birth_month, row.birth_day) if row.birth_month else None, row.cause),
        position=_position(row),
        card=card,
        card_code=row.code,
        voided=row.voided_at is not None,
        replaced=row.replaced_at is not None,
        erased=is_nobodys(row.external_id),
        face_digest=bytes(row.face_digest),
        own_digest=None if row.own_digest is None else bytes(row.own_digest),
        merged_into=row.merged_into,
        listened=row.listened,
    )


def _position(row: Row[tuple[object, ...]]) -> Position:
    rank = None
    if row.tier is not None:
        rank = Rank(
            tier=row.tier,
            since=row.tier_since,
            valid_until=row.tier_until,
            measured_to=row.tier_measured_to,
            manual=row.tier_manual,
            floor=row.tier_floor,
            floor_until=row.tier_floor_until,
        )
    return Position(
        available=row.available,
        pending=row.pending,
        held=row.held,
        active_at=row.active_at,
        totals=Amounts(row.spend_total, row.earned_total, row.orders_total, row.referrals_total),
        qualifying=row.qualifying,
        rank=rank,
        tier_last_day=row.tier_last_day,
        paid_since=row.paid_since,
        paid_until=row.paid_until,
        dying=row.dying,
        dying_on=row.dying_on,
        movements=tuple(Movement(date.fromisoformat(day), points, kind) for day, points, kind in row.movements),
        rewards=tuple(row.rewards),
        granted=tuple(row.granted),
        reminders=tuple(map(reminder, row.reminders)),
        due_at=row.due_at,
        program_version=row.program_version,
    )
