//! A visit to the store: the fleet's controller hears what a worker has to report, and deals out slots.

use std::time::Duration;

use super::ask::{Ask, Outcome, Reply, What};
use super::record::Record;
use super::register::{Register, SHORTEST_LEASE};
use crate::limiter::{Change, Controller, Grant, Poll, Settings};
use crate::time::Time;

/// Two settings under one key are a mistake while workers of the other kind are about; later the new ones
/// take over.
const ALIVE_FOR: Duration = Duration::from_secs(40);

/// What comes of a visit.
#[derive(Debug)]
pub enum Settled {
    /// The record changes: to be written, if nobody else has written meanwhile.
    Write(Box<Record>, Reply),
    /// There was nothing to change.
    Keep(Reply),
    /// A fleet with other settings is alive under this key.
    OtherSettings,
}

/// Decides about a visit, from what the store holds and the time at which it said so.
pub fn settle(
    found: Option<Record>,
    now: Time,
    ask: &Ask,
    settings: &Settings,
    fingerprint: u64,
) -> Settled {
    let foreign = found.as_ref().is_some_and(|it| !it.is_of(fingerprint));
    if foreign && found.as_ref().is_some_and(|it| now < it.at + ALIVE_FOR) {
        return Settled::OtherSettings;
    }
    let before = found.filter(|_| !foreign);
    let (mut controller, mut register) = match &before {
        Some(record) => {
            let controller = Controller::resumed(settings.clone(), record.state.clone());
            (controller.without_lost_answers(now), record.register)
        }
        None => begun(now, ask, settings),
    };
    match ask.alone_for {
        Some(alone_for) => {
            if register.gather(now, alone_for, controller.pace_now()) {
                controller.idle_until(register.meets_at());
            }
        }
        None => register.joined(now),
    }
    let mut change = Change::Nothing;
    // A worker that knows the fleet from before its store was emptied.
    if let Some(memory) = ask
        .memory
        .as_ref()
        .filter(|_| ask.seen_lineage != controller.lineage() && controller.is_ignorant())
    {
        change = controller.restore(now, memory, memory.at());
    }
    for outcome in &ask.outcomes {
        change = graver(change, report(&mut controller, now, outcome));
    }
    let disagreement = controller.disagreement(now);
    let before_this = ask
        .counted
        .filter(|_| controller.lineage() == ask.seen_lineage);
    let counted = register.attend(now, before_this);
    let dealt = deal(&mut controller, &mut register, now, ask);
    let reply = Reply {
        now,
        slots: dealt.slots,
        ticket: dealt.ticket,
        come_at: dealt.come_at,
        lease: register.lease(ask.visit),
        counted: counted.or(before_this),
        workers: register.workers(),
        meets_at: register.meets_at(),
        change,
        disagreement,
        controller,
    };
    let is_same = before.is_some()
        && ask.outcomes.is_empty()
        && counted.is_none()
        && reply.slots.is_empty()
        && reply.ticket == ask.ticket;
    if is_same {
        return Settled::Keep(reply);
    }
    let state = reply.controller.state().clone();
    let record = Record::new(fingerprint, now, state, register);
    Settled::Write(Box::new(record), reply)
}

/// A state where there is none: it begins with what the worker knows.
fn begun(now: Time, ask: &Ask, settings: &Settings) -> (Controller, Register) {
    let mut controller = Controller::new(settings.clone(), now).of_lineage(ask.lineage);
    if let Some(memory) = &ask.memory {
        let _ = controller.restore(now, memory, memory.at());
    }
    let _ = controller.exhausted(now, ask.pause, 0.0);
    (controller, Register::new(now))
}

fn report(controller: &mut Controller, now: Time, outcome: &Outcome) -> Change {
    let Outcome { at, chance, what } = outcome;
    // The clocks are only compared: nothing has happened later than now.
    let at = (*at).min(now);
    if let Some(grant) = what.grant().filter(|it| it.lineage != controller.lineage()) {
        // Of a state that is gone, or of a worker that was alone: that may only say that there is a pause.
        return match what {
            What::Refused { hint, .. } => controller.backoff(at, grant, *hint, *chance),
            _ => Change::Nothing,
        };
    }
    match what {
        What::Success {
            grant,
            times,
            told,
            exhausted,
        } => {
            controller.announced(at, grant, told);
            let mut change = Change::Nothing;
            for _ in 0..*times {
                change = graver(change, controller.success(at, grant));
            }
            match exhausted {
                Some(wait) => graver(change, controller.exhausted(at, *wait, *chance)),
                None => change,
            }
        }
        What::Refused { grant, told, hint } => {
            controller.announced(at, grant, told);
            controller.backoff(at, grant, *hint, *chance)
        }
        What::Failed(grant) => {
            controller.failed(at, grant);
            Change::Nothing
        }
        What::Neutral(grant) => {
            controller.neutral(grant);
            Change::Nothing
        }
        What::Unused(grant) => {
            controller.unused(grant);
            Change::Nothing
        }
        What::Exhausted(wait) => controller.exhausted(at, *wait, *chance),
        What::Learned(learned, age) if controller.is_ignorant() => {
            controller.restore(at, learned, learned.at().saturating_add(*age))
        }
        What::Learned(..) => Change::Nothing,
        What::SentAlone { sent, left } => {
            controller.charge_fixed(at, *sent);
            // A state that began later has not measured that time.
            if *left == controller.lineage() {
                controller.count_beside(*sent);
            }
            Change::Nothing
        }
        What::OnSuccess => controller.on_success(at),
        What::OnBackoff(hint) => controller.on_backoff(at, *hint, *chance),
    }
}

/// Of several changes the one that matters most; raises in a row are one.
fn graver(earlier: Change, later: Change) -> Change {
    match (earlier, later) {
        (Change::Raised { from, .. }, Change::Raised { to, .. }) => Change::Raised { from, to },
        (Change::Cut { .. }, Change::Nothing | Change::Raised { .. } | Change::Held { .. })
        | (Change::Held { .. }, Change::Nothing | Change::Raised { .. })
        | (Change::Raised { .. }, Change::Nothing) => earlier,
        _ => later,
    }
}

struct Dealt {
    slots: Vec<Grant>,
    ticket: Option<u64>,
    come_at: Time,
}

/// Slots for those who want some, if it is their turn; else the time of it.
fn deal(controller: &mut Controller, register: &mut Register, now: Time, ask: &Ask) -> Dealt {
    let none = |ticket, come_at| Dealt {
        slots: Vec::new(),
        ticket,
        come_at,
    };
    // A ticket may be of a state that was lost with its store.
    let known = ask.ticket.filter(|ticket| register.has_given(*ticket));
    let is_alone = ask.alone_for.is_some() && now < register.meets_at();
    let Some(first) = ask.wanted.first().filter(|_| !is_alone) else {
        known
            .into_iter()
            .for_each(|ticket| register.given_up(ticket));
        return none(None, now);
    };
    let lead = ask.lead;
    let rate = controller.pace_now();
    register.pass_over(now, rate, lead);
    let (opens, may_change) = controller.next_at(now, *first);
    let is_near = opens <= now + lead;
    // Nobody came in time whose turn it was: whoever is here takes it.
    let is_lying = opens <= now && !may_change;
    let ticket = known.unwrap_or_else(|| register.ticket());
    if !is_near {
        register.closed_until(early(opens, lead));
    }
    if !is_near || !(is_lying || register.is_turn(ticket, rate, lead)) {
        // An answer that is under way may come at any moment: those whose turn is next look again soon.
        let open = if may_change {
            now + SHORTEST_LEASE
        } else {
            early(opens, lead).max(now)
        };
        let come_at = register.come_at(ticket, rate, open);
        return none(Some(ticket), come_at.min(now + register.longest_stay()));
    }
    let reach = Reach {
        now,
        lead,
        until: now + lead + register.lease(ask.visit),
        had_to_wait: ask.ticket.is_some(),
    };
    let mut slots = Vec::new();
    let mut at = now;
    let most = register.most(rate, ask.visit);
    // Slots were left lying: workers that were killed are counted for a while, and take no parts.
    let is_wasted = known.is_some() && controller.is_full(now);
    for cost in &ask.wanted {
        let is_open = slots.len() < most || (is_wasted && at < now + lead);
        if !is_open {
            break;
        }
        let Some(slot) = reach.slot(controller, at, *cost) else {
            break;
        };
        at = slot.issued_at;
        slots.push(slot);
    }
    if slots.is_empty() {
        return none(Some(ticket), now + SHORTEST_LEASE);
    }
    let (next, may_change) = controller.next_at(at, 1);
    let opens = if may_change {
        now + SHORTEST_LEASE
    } else {
        early(next, lead).max(now)
    };
    // What was taken beyond a part is no usual batch: the others would come late.
    register.taken(ticket, slots.len().min(most), opens);
    let more = slots.len() < ask.wanted.len();
    let ticket = more.then(|| register.ticket());
    let come_at = ticket.map_or(now, |ticket| register.come_at(ticket, rate, opens));
    Dealt {
        slots,
        ticket,
        come_at: come_at
            .min(now + register.longest_stay())
            .max(now + register.shortest_stay(ask.visit)),
    }
}

/// How far ahead one visit takes slots.
struct Reach {
    now: Time,
    lead: Duration,
    until: Time,
    /// Whether the worker came before.
    had_to_wait: bool,
}

impl Reach {
    /// The next slot from `at` on, if it is within reach.
    fn slot(&self, controller: &mut Controller, at: Time, cost: u32) -> Option<Grant> {
        // Whoever gets a slot that was ready did not wait for the limit, but only for the store.
        let waited = self.had_to_wait || at > self.now;
        let later = match controller.poll(at, cost, waited) {
            Poll::Grant(grant) => return Some(grant),
            Poll::At(later) if later <= self.until => later,
            // Far ahead, nobody knows what the answer will be: where a canary is out, the time is that of its loss.
            Poll::AfterFeedback(later) if later <= self.now + self.lead => later,
            _ => return None,
        };
        match controller.poll(later, cost, true) {
            Poll::Grant(grant) => Some(grant),
            _ => None,
        }
    }
}

/// `lead` before `time`.
fn early(time: Time, lead: Duration) -> Time {
    Time::from_nanos(
        time.as_nanos()
            .saturating_sub(lead.as_nanos().try_into().unwrap_or(u64::MAX)),
    )
}
