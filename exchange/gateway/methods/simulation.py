"""The clock of the venue: simulated time, and how fast it runs; in lock-step, what its bots say and are told."""

from typing import Any

from exchange.gateway.dispatch import Call
from exchange.gateway.faults import SWITCHED_OFF, fault
from exchange.gateway.lockstep import LockStep
from exchange.gateway.registry import REGISTRY, Access, Later, NoParams, Params, StrictParams, Whole
from exchange.gateway.shapes import BotShape, StepShape
from exchange.gateway.wire import milliseconds


class StepParams(StrictParams):
    step: Whole | None = None


class LeaveParams(Params):
    cancel_orders: bool = True


@REGISTRY.method("simulation/get_clock", Access.PUBLIC)
def get_clock(call: Call, params: NoParams) -> dict[str, Any]:
    """Engine time in nanoseconds since 1970, its speed against the wall, and when something falls due next. In
    lock-step the speed is 0, and the length of a step and its number are told."""
    venue, lock_step = call.gateway.venue, call.gateway.lock_step
    due = venue.world.next_due()
    return {
        "time_ns": venue.now,
        "timestamp": milliseconds(venue.now),
        "speed": venue.clock.speed,
        "step_ns": None if lock_step is None else lock_step.step_ns,
        "step": None if lock_step is None else lock_step.number,
        "next_due": None if due is None else milliseconds(due),
        "session_open": call.state.session_open,
        "sessions": [
            {"opens": milliseconds(one.opens), "closes": milliseconds(one.closes)}
            for one in call.state.sessions
        ],
        "sequence": venue.exchange.sequence,
    }


def _lock_step(call: Call) -> LockStep:
    """Raises Fault if time passes by itself."""
    found = call.gateway.lock_step
    if found is None:
        raise fault(SWITCHED_OFF, reason="not_in_lock_step")
    return found


@REGISTRY.method("simulation/register", Access.SIGNED_IN, websocket_only=True)
def register(call: Call, params: NoParams) -> Later[StepShape]:
    """In lock-step: take part as the bot whose key it is. The answer is the first step, and comes once all bots have
    registered; who registers anew after a lost connection is told of the present step."""
    lock_step = _lock_step(call)
    return Later(lambda reply: lock_step.register(call, reply))


@REGISTRY.method("simulation/step", Access.SIGNED_IN, websocket_only=True)
def step(call: Call, params: StepParams) -> Later[StepShape]:
    """In lock-step: done with this step, whose number may be named. The answer is the next step, and comes after all
    answers and notifications of this one."""
    lock_step = _lock_step(call)
    return Later(lambda reply: lock_step.done(call, params.step, reply))


@REGISTRY.method("simulation/leave", Access.SIGNED_IN, websocket_only=True, changes=True)
def leave(call: Call, params: LeaveParams) -> Later[StepShape]:
    """In lock-step: done for good; the others go on. Open orders are canceled at the end of this step, or stay. The
    answer is the next step."""
    lock_step = _lock_step(call)
    return Later(lambda reply: lock_step.leave(call, reply, cancel_orders=params.cancel_orders))


@REGISTRY.method("simulation/get_bots", Access.PUBLIC)
def get_bots(call: Call, params: NoParams) -> list[BotShape]:
    """In lock-step: who takes part, and who is done with this step."""
    return [
        {
            "bot": bot.name,
            "registered": bot.came,
            "connected": bot.connection is not None,
            "done": bot.done,
            "out": bot.out,
        }
        for bot in _lock_step(call).bots
    ]
