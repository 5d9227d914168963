"""The one thread that touches the model."""

import itertools
import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Sequence as Items
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue

from engines.errors import EngineClosed, EngineError, EngineOverloaded
from engines.llm.answer import Answer
from engines.llm.batch import BatchPlan, DecodeOutcome
from engines.llm.collector import StreamCollector
from engines.llm.config import LlmConfig
from engines.llm.keeper import SessionKeeper
from engines.llm.request import FinishReason, GenerationRequest
from engines.llm.runner import LoadedModel
from engines.llm.scheduler import Advance, Scheduler
from engines.llm.sequence import Sequence, Status
from engines.llm.session_file import Snapshot
from engines.llm.stats import EngineStats, Stopwatch, Totals
from engines.llm.text_stream import TextStream
from engines.llm.threads import StepThreads
from engines.llm.transcript import Transcript
from engines.llm.vault import SessionVault

log = logging.getLogger(__name__)


class EngineLoop:
    """Schedules, decodes and publishes, step by step, until closed.

    Other threads reach it through `submit`, `abort`, `forget` and `close`, which only put calls into its inbox.
    """

    def __init__(
        self,
        model: LoadedModel,
        config: LlmConfig,
        vault: SessionVault,
        known: Callable[[str], Transcript],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runner = model.runner
        self._tokenizer = model.tokenizer
        self._clock = clock
        self._scheduler = Scheduler(
            slots=model.runner.slots,
            capacity=model.runner.capacity,
            context_tokens=model.context_tokens,
            batch_tokens=config.batch_tokens,
            ends=model.tokenizer.ends,
            guesses=config.guess_quotations and model.runner.cuttable,
        )
        self._vault = vault
        self._keeper = SessionKeeper(model.runner, self._scheduler, vault, config, known=known)
        self._threads = StepThreads(model.threads, adaptive=config.adaptive_threads)
        self._max_waiting = config.max_waiting
        self._places = threading.BoundedSemaphore(config.max_waiting)
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._answers: dict[int, Answer] = {}
        self._ids = itertools.count(1)
        self._totals = Totals()
        self._gate = threading.Lock()
        self._ended: Future[None] = Future()  # the thread touches nothing any more
        self._ended.set_running_or_notify_cancel()  # who waits for it may give up, but not cancel it
        self._end: EngineError | None = None  # set under the gate: what was put before it is still handled

    def submit(
        self,
        request: GenerationRequest,
        tokens: Items[int],
        collector: StreamCollector,
        *,
        shareable: int = 0,
        recalled: Snapshot | None = None,
    ) -> Answer:
        """Takes a request, from any thread. Raises EngineOverloaded, EngineClosed or EngineFailed.

        The first `shareable` tokens are the system text; `recalled` is what the disk has of the session.
        """
        now = self._clock()
        sequence = Sequence(
            sequence_id=next(self._ids),
            session_id=request.session_id,
            tokens=list(tokens),
            prompt_tokens=len(tokens),
            max_tokens=request.sampling.max_tokens,
            shareable=shareable,
        )
        answer = Answer(
            sequence=sequence,
            sampling=request.sampling,
            collector=collector,
            text=TextStream(request.sampling.stop),
            stopwatch=Stopwatch(now),
            deadline=None if request.deadline_seconds is None else now + request.deadline_seconds,
            recalled=recalled,
        )
        with self._gate:
            self.check_open()
            if not self._places.acquire(blocking=False):
                raise EngineOverloaded("engine.overloaded", waiting=self._max_waiting)
            self._inbox.put(partial(self._add, answer))
        return answer

    def abort(self, answer: Answer) -> None:
        """Ends an answer before the next step, from any thread; nothing happens when it already ended."""
        self._inbox.put(partial(self._finish, answer, FinishReason.ABORTED))

    def forget(self, session_id: str) -> "Future[None]":
        """Drops a session, from any thread; done when its tokens are out of the cache and it is not saved any more."""
        done: Future[None] = Future()
        with self._gate:
            if self._end is not None:
                return self._ended
            self._inbox.put(partial(self._forget, session_id, done))
        return done

    def holds(self, session_id: str) -> bool:
        """Whether a session is in the cache or in memory, asked from any thread: by the time one acts it may not be."""
        return self._scheduler.table.holds(session_id) or self._vault.holds(session_id)

    def close(self) -> None:
        """Ends the loop after the running step, from any thread; unfinished answers fail with engine.closed."""
        self._inbox.put(partial(self._stop, EngineClosed("engine.closed")))

    def check_open(self) -> None:
        """Raises EngineClosed or EngineFailed when no answers can be produced."""
        if self._end is not None:
            raise self._end

    def stats(self) -> EngineStats:
        """The engine since it was opened, from any thread."""
        running = self._scheduler.running_count
        return self._totals.snapshot(
            running=running,
            waiting=max(0, len(self._answers) - running),
            evictions=self._scheduler.evictions,
            preemptions=self._scheduler.preemptions,
        )

    def run(self) -> None:
        """The engine thread: steps while there is work, sleeps on the inbox otherwise."""
        while self._end is None:
            try:
                if not self._scheduler.has_work:
                    self.check_books()
                    self._wait()
                self.step()
            except Exception:
                log.exception("an engine step failed")
                self._fail_running()
        self._finish_all(self._end)
        self._keeper.close()
        self._ended.set_result(None)

    def step(self) -> None:
        """One decode call, and what belongs to it."""
        self._drain_inbox()
        self._admit()
        if plan := self._scheduler.schedule():
            outcome = self._decode(plan)
            drawn = self._draw(plan) if outcome is DecodeOutcome.OK else {}
            advances = self._scheduler.update(outcome, drawn)
            if plan.guesses:
                self._keeper.cut()
            if outcome is DecodeOutcome.FAILED:
                self._recover()
            self._publish(advances)
        self._keeper.save(self._clock(), busy=self._scheduler.has_work)

    def check_books(self) -> None:
        """Asserts that the slot table agrees with itself and with the cache."""
        self._keeper.cut()
        table = self._scheduler.table
        table.check()
        held = [self._runner.held(slot) for slot in range(self._runner.slots)]
        assert held == table.cells, f"the cache holds {held}, the books say {table.cells}"
        self._keeper.check()

    def _wait(self) -> None:
        """Until somebody wants something, or a session is to be saved."""
        with suppress(Empty):
            self._inbox.get(timeout=self._keeper.seconds_to_save(self._clock()))()

    def _drain_inbox(self) -> None:
        with suppress(Empty):
            while True:
                self._inbox.get_nowait()()
        now = self._clock()
        late = [answer for answer in self._answers.values() if answer.deadline is not None and answer.deadline <= now]
        for answer in late:
            self._finish(answer, FinishReason.FAILED, "engine.timeout")

    def _admit(self) -> None:
        starts = [(start, self._answers[start.sequence.sequence_id]) for start in self._scheduler.admit()]
        self._keeper.place([(start, answer.recalled) for start, answer in starts])
        for _, answer in starts:
            answer.recalled = None
            if answer.sampler is None:
                answer.sampler = self._runner.open_sampler(answer.sampling)
                self._places.release()
            answer.start(self._clock())
        for ahead, sequence in enumerate(self._scheduler.waiting):
            self._answers[sequence.sequence_id].wait(ahead)

    def _decode(self, plan: BatchPlan) -> DecodeOutcome:
        self._totals.steps += 1
        threads, started = self._threads.of(plan), self._clock()
        self._runner.use_threads(threads.count)
        while (outcome := self._runner.decode(plan)) is DecodeOutcome.NO_ROOM and self._keeper.make_room():
            pass
        if not plan.guesses:  # such steps come and go; comparing them says nothing about threads
            threads.took(len(plan.rows), self._clock() - started)
        return outcome

    def _draw(self, plan: BatchPlan) -> dict[int, list[int]]:
        return {draw.sequence_id: self._answers[draw.sequence_id].draw(draw, self._tokenizer) for draw in plan.draws}

    def _publish(self, advances: Items[Advance]) -> None:
        now = self._clock()
        for advance in advances:
            answer = self._answers[advance.sequence.sequence_id]
            self._keeper.learn(advance.sequence)
            answer.advance(advance.tokens, self._tokenizer, now)
            reason = advance.sequence.finish_reason
            if reason is not None:
                self._close(answer, reason, "engine.failed" if reason is FinishReason.FAILED else None)
            elif answer.text.stopped:
                self._finish(answer, FinishReason.STOP)

    def _fail_running(self) -> None:
        """After an error of ours in any place: nobody who had a slot is left waiting."""
        self._scheduler.fail_running()
        self._recover()
        for answer in [each for each in self._answers.values() if each.sequence.status is Status.FINISHED]:
            self._close(answer, FinishReason.FAILED, "engine.failed")

    def _recover(self) -> None:
        """Makes the cache usable again before anybody hears of the failure and asks anew."""
        self._totals.failures += 1
        self._keeper.clear()
        try:
            self._runner.reset()
        except EngineError as error:
            log.exception("the engine cannot go on")
            self._stop(error)

    def _add(self, answer: Answer) -> None:
        self._answers[answer.sequence.sequence_id] = answer
        self._scheduler.add(answer.sequence)

    def _finish(self, answer: Answer, reason: FinishReason, error_code: str | None = None) -> None:
        if answer.sequence.status is not Status.FINISHED:
            self._scheduler.finish(answer.sequence, reason)
            self._close(answer, reason, error_code)

    def _close(self, answer: Answer, reason: FinishReason, error_code: str | None) -> None:
        del self._answers[answer.sequence.sequence_id]
        if answer.sampler is None:
            self._places.release()
        usage = answer.stopwatch.usage(answer.sequence, self._clock())
        self._totals.add(reason, usage)
        self._keeper.used(answer.sequence.session_id, self._clock())
        answer.finish(reason, usage, error_code)

    def _forget(self, session_id: str, done: "Future[None]") -> None:
        for sequence in self._scheduler.forget(session_id):
            self._close(self._answers[sequence.sequence_id], FinishReason.ABORTED, None)
        self._keeper.forget(session_id)
        self._keeper.cut()
        if done.set_running_or_notify_cancel():
            done.set_result(None)

    def _stop(self, reason: EngineError) -> None:
        with self._gate:
            self._end = self._end or reason

    def _finish_all(self, end: EngineError) -> None:
        self._drain_inbox()
        for answer in list(self._answers.values()):
            self._finish(answer, FinishReason.FAILED, end.code)
