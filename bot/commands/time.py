"""Commands about time."""

import asyncio
from dataclasses import replace
from typing import Final

from bot.commands import CommandContext, CommandOutcome, Say
from bot.domain import Button
from bot.errors import ReminderError
from bot.store import Reminder
from bot.texts import moment, say
from bot.when import parted
from bot.zones import nearest_zone, zone_named, zone_of

MAX_REMINDERS: Final = 100
"""That may wait for one person."""
_MAX_BUTTONS = 8


async def remind(context: CommandContext, arguments: str) -> CommandOutcome:
    """Says something again at a time."""
    reminders, now = context.services.store.reminders, context.services.clock.now()
    zone = await asyncio.to_thread(zone_of, context.settings.time_zone)
    wish = await asyncio.to_thread(parted, arguments, now, zone)
    if len(await reminders.of_person(context.visitor.person_id)) >= MAX_REMINDERS:
        raise ReminderError("remind.too_many", limit=MAX_REMINDERS)
    reminder = Reminder(
        chat=context.chat,
        person_id=context.visitor.person_id,
        text=wish.text,
        due_at=wish.due,
        made_at=now,
        language=context.language,
    )
    number = await reminders.add(reminder)
    when = moment(wish.due.astimezone(zone), context.language)
    text = say("remind.made", context.language, when=when, zone=str(zone), text=wish.text)
    return Say(text, (_cancel_button(number, say("button.remind_cancel", context.language)),))


async def reminders(context: CommandContext, arguments: str) -> CommandOutcome:
    """What this person is to be reminded of in this chat, or takes one of it back."""
    waiting = [
        reminder
        for reminder in await context.services.store.reminders.of_chat(context.chat)
        if reminder.person_id == context.visitor.person_id
    ]
    match arguments.lower().split():
        case []:
            return await _listed(context, waiting)
        case ["cancel" | "取消", number]:
            return await _cancelled(context, waiting, number.removeprefix("#"))
        case _:
            return say("remind.list_usage", context.language)


async def tz(context: CommandContext, arguments: str) -> CommandOutcome:
    """The time zone of this chat."""
    if not arguments:
        zone = await asyncio.to_thread(zone_of, context.settings.time_zone)
        now = moment(context.services.clock.now().astimezone(zone), context.language)
        return say("command.tz_now", context.language, zone=str(zone), now=now)
    name = await asyncio.to_thread(zone_named, arguments)
    if name is None:
        return await _unknown_zone(context, arguments)
    await context.services.store.chats.save_settings(context.chat, replace(context.settings, time_zone=name))
    now = moment(context.services.clock.now().astimezone(await asyncio.to_thread(zone_of, name)), context.language)
    return say("command.tz", context.language, zone=name, now=now)


async def _listed(context: CommandContext, waiting: list[Reminder]) -> CommandOutcome:
    if not waiting:
        return say("remind.none", context.language)
    zone = await asyncio.to_thread(zone_of, context.settings.time_zone)
    lines = [
        say(
            "remind.line",
            context.language,
            number=reminder.reminder_id,
            when=moment(reminder.due_at.astimezone(zone), context.language),
            text=reminder.text,
        )
        for reminder in waiting
    ]
    text = "\n".join((say("remind.list", context.language, zone=str(zone)), *lines))
    label = say("button.remind_cancel", context.language)
    buttons = (
        _cancel_button(reminder.reminder_id, f"{label} {reminder.reminder_id}") for reminder in waiting[:_MAX_BUTTONS]
    )
    return Say(text, tuple(buttons))


async def _cancelled(context: CommandContext, waiting: list[Reminder], number: str) -> str:
    for reminder in waiting:
        if str(reminder.reminder_id) == number:
            await context.services.store.reminders.remove(reminder.reminder_id)
            return say("remind.cancelled", context.language, text=reminder.text)
    return say("remind.no_such", context.language, number=number)


async def _unknown_zone(context: CommandContext, name: str) -> CommandOutcome:
    near = await asyncio.to_thread(nearest_zone, name)
    if near is None:
        return say("command.tz_unknown", context.language, name=name)
    return Say(say("command.tz_near", context.language, name=name, near=near), (Button(near, f"tz {near}"),))


def _cancel_button(number: int, label: str) -> Button:
    return Button(label, f"reminders cancel {number}")
