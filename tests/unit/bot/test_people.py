"""Who is known, on a real store: codes, invitations, roles, limits, groups."""

from datetime import timedelta

import pytest

from bot.access import AccessConfig, GroupState, Limits, Role
from bot.domain import AnswerCost, ChatKey, Person
from bot.people import CODE_LETTERS, People, identity_of
from bot.store import Spent, open_store, write_usage
from tests.fakes.clock import HandClock

ADA = Person("telegram", "1", "Ada", "ada")
BOB = Person("telegram", "2", "Bob")
EVE = Person("telegram", "3", "Eve")
GROUP = ChatKey("telegram", "-100", "7")
COST = AnswerCost(
    prompt_tokens=9, reused_tokens=3, evaluated_tokens=6, completion_tokens=2, first_token_seconds=0.5, seconds=1.0
)


def direct(person):
    return ChatKey(person.platform, person.user_id)


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path / "a.db") as opened:
        yield opened


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def people(store, clock):
    config = AccessConfig(admins=("telegram/1",), allowed=("telegram/2",), max_pending_codes=2, code_minutes=60)
    return People(config, store.people, clock)


async def role(people, person):
    return (await people.visitor(person, direct(person))).role


@pytest.mark.parametrize(
    ("person", "expected"),
    [(ADA, Role.ADMIN), (BOB, Role.USER), (EVE, Role.UNKNOWN), (Person("console", "owner", "you"), Role.ADMIN)],
)
async def test_the_configuration_grants_roles(people, person, expected):
    """Its admins and its allowed people count without a code, the terminal always, everybody else is unknown."""
    assert expected is await role(people, person)


async def test_a_stranger_gets_one_code_and_then_silence(people):
    """A second message gives no second code; an attempt that was cut off gets the same one again."""
    code = await people.ask_in(EVE, direct(EVE))
    assert code is not None
    assert set(code) <= set(CODE_LETTERS)
    assert await people.ask_in(EVE, direct(EVE)) is None
    assert await people.ask_in(EVE, direct(EVE), again=True) == code


async def test_an_approved_code_lets_its_person_in_once(people):
    """The admin types it as it comes; it is used up."""
    code = await people.ask_in(EVE, direct(EVE))
    approved = await people.approve(code.lower())
    assert approved.chat == direct(EVE)
    assert await role(people, EVE) is Role.USER
    assert await people.approve(code) is None


async def test_a_denied_person_may_ask_again(people):
    """Denying drops the code only."""
    code = await people.ask_in(EVE, direct(EVE))
    assert (await people.deny(code)).name == "Eve"
    assert await role(people, EVE) is Role.UNKNOWN
    assert await people.ask_in(EVE, direct(EVE)) is not None


async def test_codes_expire(people, clock):
    """An old code lets nobody in, and makes room for a new one."""
    code = await people.ask_in(EVE, direct(EVE))
    clock.advance(3601)
    assert await people.codes() == []
    assert await people.approve(code) is None
    assert await people.ask_in(EVE, direct(EVE)) not in {None, code}


async def test_pending_codes_are_capped(people):
    """A crowd of strangers gets two codes in all; invitations do not count."""
    await people.invite()
    given = [await people.ask_in(Person("telegram", f"9{number}", "x"), direct(EVE)) for number in range(5)]
    assert [code is not None for code in given] == [True, True, False, False, False]


async def test_without_pairing_there_are_no_codes(store, clock):
    """Strangers stay strangers."""
    assert await People(AccessConfig(pairing=False), store.people, clock).ask_in(EVE, direct(EVE)) is None


async def test_an_invitation_lets_in_whoever_comes_first(people):
    """It carries its role and counts once."""
    code = await people.invite(Role.ADMIN)
    assert await people.redeem(code, EVE, direct(EVE))
    assert not await people.redeem(code, Person("telegram", "4", "Mallory"), direct(EVE))
    assert await role(people, EVE) is Role.ADMIN


async def test_a_pairing_code_is_no_invitation(people):
    """Nobody lets themselves in with the code that an admin is to approve."""
    code = await people.ask_in(EVE, direct(EVE))
    assert not await people.redeem(code, EVE, direct(EVE))


async def test_bans_and_the_configuration(people):
    """Allowed people can be shut out and let in again; the configuration's admins cannot be shut out."""
    for person in (ADA, BOB):
        await people.ban(str(person))
    assert await role(people, BOB) is Role.BANNED
    assert await role(people, ADA) is Role.ADMIN
    await people.allow(str(BOB))
    assert await role(people, BOB) is Role.USER


async def test_admins_can_be_reached_where_they_wrote(people):
    """Their direct chats are known from their first message on."""
    assert await people.admin_chats() == []
    await people.visitor(ADA, direct(ADA))
    await people.visitor(BOB, direct(BOB))
    assert await people.admin_chats() == [direct(ADA)]


async def test_messages_are_counted(store, people, clock):
    """The last minute in memory, the day in the database, limits of one's own before the configured ones."""
    await people.set_limits(str(BOB), Limits(per_minute=2, per_day=0))
    visitor = await people.visitor(BOB, direct(BOB))
    assert visitor.limits == Limits(per_minute=2, per_day=0)
    people.count(visitor)
    clock.advance(20)
    people.count(visitor)
    counted = await people.visitor(BOB, direct(BOB))
    assert (counted.last_minute, counted.free_in_seconds) == (2, 41)
    clock.advance(41)
    assert (await people.visitor(BOB, direct(BOB))).last_minute == 1
    async with store.database.transaction() as connection:
        for _ in range(3):
            await write_usage(connection, Spent(person_id=str(BOB), day=clock.now().date(), cost=COST))
    assert (await people.visitor(BOB, direct(BOB))).today == 3
    clock.advance(timedelta(days=1).total_seconds())
    assert (await people.visitor(BOB, direct(BOB))).today == 0


async def test_a_limit_is_told_once_a_minute(people, clock):
    """Whoever heard of it need not hear of it again at once."""
    visitor = await people.visitor(BOB, direct(BOB))
    people.told(visitor)
    assert (await people.visitor(BOB, direct(BOB))).told
    clock.advance(61)
    assert not (await people.visitor(BOB, direct(BOB))).told


async def test_a_group_is_opened_by_its_code(people):
    """Threads of a group share its state."""
    code = await people.ask_for_group(GROUP, "Family", BOB)
    assert await people.group(GROUP) is GroupState.ASKED
    assert await people.ask_for_group(GROUP, "Family", EVE) is None
    await people.approve(code)
    assert await people.group(GROUP.whole) is GroupState.APPROVED


async def test_a_refused_group_stays_refused(people):
    """Denying its code closes it."""
    await people.deny(await people.ask_for_group(GROUP, "Family", BOB))
    assert await people.group(GROUP) is GroupState.REFUSED


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("123", "telegram/123"),
        ("telegram/123", "telegram/123"),
        ("matrix/@ada:home.example", "matrix/%40ada%3Ahome.example"),
        ("matrix/%40ada%3Ahome.example", "matrix/%40ada%3Ahome.example"),
    ],
)
def test_identities_are_written_freely(text, identity):
    """An id alone is one of the same platform, and any spelling becomes the canonical one."""
    assert identity == identity_of(text, "telegram")
