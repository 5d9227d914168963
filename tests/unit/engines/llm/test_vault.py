"""SessionVault: warm and cold, and nothing of anybody else."""

from hypothesis import given
from hypothesis import strategies as st

from engines.llm.session_file import Snapshot
from engines.llm.transcript import Transcript
from engines.llm.vault import SessionVault


class Disk:
    """Stands in for SessionArchive."""

    def __init__(self):
        self.idle = True
        self.sessions = {}

    def save(self, session_id, snapshot):
        if self.idle:
            self.sessions[session_id] = snapshot
        return self.idle

    def load(self, session_id):
        return self.sessions.get(session_id)

    def forget(self, session_id):
        self.sessions.pop(session_id, None)


def parked(session_id, size):
    state = (session_id.encode() * size)[:size]
    return Snapshot(tokens=tuple(range(size)), transcript=Transcript(), state=state)


def test_what_memory_cannot_hold_goes_to_the_disk_at_once():
    """A long conversation of a large model is larger than the budget."""
    disk = Disk()
    vault = SessionVault(10, disk)
    vault.park("a", parked("a", 11))

    assert not vault.holds("a")
    assert vault.recall("a") == parked("a", 11)


def test_without_a_disk_nothing_is_saved():
    """And nothing fails."""
    vault = SessionVault(10)

    assert not vault.saves
    assert not vault.can_save
    assert not vault.save("a", parked("a", 1))
    assert vault.recall("a") is None
    vault.erase("a")
    assert vault.wait(0)


NAMES = st.sampled_from("abc")
deeds = st.lists(
    st.one_of(
        st.tuples(st.just("park"), NAMES, st.integers(1, 14)),
        st.tuples(st.just("save"), NAMES, st.integers(1, 14)),
        st.tuples(st.just("forget"), NAMES),
        st.tuples(st.just("busy"), st.booleans()),
    ),
    max_size=30,
)


@given(deeds)
def test_a_session_gets_its_own_newest_state_or_none(deeds):
    """Budgets hold, forgetting is complete, and no byte of another session ever comes back."""
    disk = Disk()
    vault = SessionVault(20, disk)
    for deed in deeds:
        match deed:
            case ("park", name, size):
                vault.park(name, parked(name, size))
                assert vault.warm(name) == parked(name, size)
            case ("save", name, size):
                assert vault.save(name, parked(name, size)) == disk.idle
            case ("forget", name):
                vault.drop(name)
                vault.erase(name)
                assert vault.warm(name) is vault.recall(name) is None
            case ("busy", busy):
                disk.idle = not busy
        assert vault._warm.total_bytes <= 20
        for name in "abc":
            for found in (vault.warm(name), vault.recall(name)):
                assert found is None or set(found.state) == set(name.encode())
