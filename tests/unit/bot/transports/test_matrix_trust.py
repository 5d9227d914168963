"""Whose device a message comes from, whose invitation counts, and what fits an event."""

import copy

import pytest

from bot.transports.matrix.config import MatrixConfig
from bot.transports.matrix.cross_signing import Seeds, public_keys
from bot.transports.matrix.identities import DeviceKeys, published
from bot.transports.matrix.rooms import Company
from bot.transports.matrix.sender import MAX_CONTENT_BYTES, fitting
from bot.transports.matrix.signatures import SigningKey, canonical, is_signed

ADA = "@ada:home.test"


@pytest.fixture
def answer():
    """A key query's answer for an account with one device that signs itself and is signed by its owner."""
    seeds = Seeds(*(SigningKey(bytes([number] * 32)) for number in (1, 2, 3)))
    device_key = SigningKey(bytes([4] * 32))
    device = {
        "user_id": ADA,
        "device_id": "PHONE",
        "keys": {"curve25519:PHONE": "curve", "ed25519:PHONE": device_key.public},
    }
    own = device_key.sign(device, ADA)["signatures"][ADA]
    named = {"ed25519:PHONE": next(iter(own.values()))}
    signed = seeds.self_signing.sign({**device, "signatures": {ADA: named}}, ADA)
    keys = public_keys(seeds, ADA)
    return {
        "master_keys": {ADA: keys["master_key"]},
        "self_signing_keys": {ADA: keys["self_signing_key"]},
        "device_keys": {ADA: {"PHONE": signed}},
    }


def device_of(answer):
    return DeviceKeys("curve", answer["device_keys"][ADA]["PHONE"]["keys"]["ed25519:PHONE"])


def test_a_chain_that_holds(answer):
    """The device is signed by the self-signing key, that one by the master key."""
    account = published(ADA, answer)
    assert account.signed == {device_of(answer)}
    assert f"ed25519:{account.master}" in answer["master_keys"][ADA]["keys"]


@pytest.mark.parametrize(
    "broken",
    [
        lambda answer: answer["master_keys"].clear(),
        lambda answer: answer["self_signing_keys"][ADA].pop("signatures"),
        lambda answer: answer["device_keys"][ADA]["PHONE"].pop("signatures"),
        lambda answer: answer["device_keys"][ADA]["PHONE"]["keys"].update({"curve25519:PHONE": "other"}),
        lambda answer: answer["device_keys"][ADA]["PHONE"].update({"device_id": "TABLET"}),
        lambda answer: answer["self_signing_keys"][ADA].update({"user_id": "@eve:home.test"}),
    ],
)
def test_a_chain_that_breaks(answer, broken):
    """A key or a signature that is missing, changed or somebody else's leaves no signed device."""
    forged = copy.deepcopy(answer)
    broken(forged)
    assert published(ADA, forged).signed == frozenset()


def test_signatures():
    """A signature holds for what was signed, whatever the order, and for nothing else."""
    key = SigningKey.load(SigningKey(bytes(32)).dump())
    signed = key.sign({"b": "ä", "a": 1, "unsigned": {"age": 2}}, ADA)
    assert canonical(signed) == '{"a":1,"b":"ä"}'.encode()
    assert is_signed(signed, ADA, key.public, key.public)
    assert not is_signed({**signed, "a": 2}, ADA, key.public, key.public)
    assert not is_signed({"signatures": "none"}, ADA, key.public, key.public)


@pytest.mark.parametrize(
    ("hosts", "user_id", "expected"),
    [
        ((), "@ben:home.test", True),
        ((), "@ben:else.test", False),
        ((), ADA.replace("home", "far"), True),
        (("@ben:*",), "@ben:else.test", True),
        (("@ben:*",), "@eve:home.test", False),
    ],
)
def test_who_may_invite(hosts, user_id, expected):
    """People of the own homeserver, or those who are named; those whom the configuration admits always."""
    config = MatrixConfig(user_id="@bot:home.test", invites_from=hosts)
    assert Company.of(config, ["@ada:far.test"]).may_invite(user_id) is expected


def test_what_does_not_fit_loses_its_formatted_form():
    """An event that would be too large goes out plain, inside an edit too."""
    text = {"body": "x" * 20_000, "format": "html", "formatted_body": "y" * MAX_CONTENT_BYTES}
    assert fitting(text) == {"body": "x" * 20_000}
    assert fitting({"body": "* x", "m.new_content": text}) == {"body": "* x", "m.new_content": {"body": "x" * 20_000}}
    assert fitting({"body": "x", "formatted_body": "y"}) == {"body": "x", "formatted_body": "y"}
