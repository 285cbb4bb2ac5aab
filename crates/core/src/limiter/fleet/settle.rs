//! A visit to the store: the fleet's controller hears what a worker has to report, and deals out slots.

use std::time::Duration;

use super::record::Record;
use super::sync::{Report, SyncReply, SyncRequest, TimedReport};
use super::turns::{SHORTEST_LEASE, Turns};
use crate::limiter::controller::Controller;
use crate::limiter::grant::Grant;
use crate::limiter::outcome::{Change, ManualReport, Outcome};
use crate::limiter::poll::Poll;
use crate::limiter::settings::Settings;
use crate::time::Time;

/// Two settings under one key are a mistake while workers of the other kind are about; later the new ones
/// take over.
const ALIVE_FOR: Duration = Duration::from_secs(40);

/// What comes of a visit.
#[derive(Debug)]
pub enum Settled {
    /// The record changes: to be written, if nobody else has written meanwhile.
    Write(Box<Record>, SyncReply),
    /// There was nothing to change.
    Keep(SyncReply),
    /// A fleet with other settings is alive under this key.
    OtherSettings,
}

/// Decides about a visit, from what the store holds and the time at which it said so.
pub fn settle(
    found: Option<Record>,
    now: Time,
    request: &SyncRequest,
    settings: &Settings,
    fingerprint: u64,
) -> Settled {
    let foreign = found.as_ref().is_some_and(|it| !it.is_of(fingerprint));
    if foreign && found.as_ref().is_some_and(|it| now < it.at + ALIVE_FOR) {
        return Settled::OtherSettings;
    }
    let before = found.filter(|_| !foreign);
    let (mut controller, mut turns) = match &before {
        Some(record) => {
            let controller = Controller::resumed(settings.clone(), record.state.clone());
            (controller.without_lost_responses(now), record.turns)
        }
        None => begun(now, request, settings),
    };
    match request.alone_for {
        Some(alone_for) => {
            if turns.gather(now, alone_for, controller.pace_now()) {
                controller.idle_until(turns.meets_at());
            }
        }
        None => turns.joined(now),
    }
    let mut change = Change::Nothing;
    // A worker that knows the fleet from before its store was emptied.
    if let Some(memory) = request.memory.as_ref().filter(|_| {
        request.seen_lineage != controller.lineage() && controller.has_learned_nothing()
    }) {
        change = controller.restore(now, memory, memory.at());
    }
    for timed in &request.reports {
        change = change.or_graver(report(&mut controller, now, timed));
    }
    let disagreement = controller.disagreement(now);
    let before_this = request
        .counted
        .filter(|_| controller.lineage() == request.seen_lineage);
    let counted = turns.attend(now, before_this);
    let dealt = deal(&mut controller, &mut turns, now, request);
    let reply = SyncReply {
        now,
        slots: dealt.slots,
        ticket: dealt.ticket,
        come_at: dealt.come_at,
        lease: turns.lease(request.visit),
        counted: counted.or(before_this),
        workers: turns.workers(),
        meets_at: turns.meets_at(),
        change,
        disagreement,
        controller,
    };
    let is_same = before.is_some()
        && request.reports.is_empty()
        && counted.is_none()
        && reply.slots.is_empty()
        && reply.ticket == request.ticket;
    if is_same {
        return Settled::Keep(reply);
    }
    let state = reply.controller.state().clone();
    let record = Record::new(fingerprint, now, state, turns);
    Settled::Write(Box::new(record), reply)
}

/// A state where there is none: it begins with what the worker knows.
fn begun(now: Time, request: &SyncRequest, settings: &Settings) -> (Controller, Turns) {
    let mut controller = Controller::new(settings.clone(), now).of_lineage(request.lineage);
    if let Some(memory) = &request.memory {
        let _ = controller.restore(now, memory, memory.at());
    }
    let pause = ManualReport::Exhausted {
        wait: request.pause,
        chance: 0.0,
    };
    let _ = controller.report_manually(now, pause);
    (controller, Turns::new(now))
}

/// Reports to the fleet's controller what a worker has to say.
fn report(controller: &mut Controller, now: Time, timed: &TimedReport) -> Change {
    let TimedReport { at, report } = timed;
    // Clocks are only compared, so an event may seem to lie in the future. It does not.
    let at = (*at).min(now);
    match report {
        // The grant is of a state that is gone, or of a worker that was alone: a refusal can only prolong a pause.
        Report::Request { grant, outcome, .. } if grant.lineage != controller.lineage() => {
            match *outcome {
                Outcome::Refused { hint, chance, .. } => {
                    controller.report(at, grant, Outcome::refused(hint, chance))
                }
                _ => Change::Nothing,
            }
        }
        Report::Request {
            grant,
            times,
            outcome,
        } => (0..*times).fold(Change::Nothing, |change, _| {
            change.or_graver(controller.report(at, grant, *outcome))
        }),
        Report::Manual(manual) => controller.report_manually(at, *manual),
        Report::Learned(learned, age) if controller.has_learned_nothing() => {
            controller.restore(at, learned, learned.at().saturating_add(*age))
        }
        Report::Learned(..) => Change::Nothing,
        Report::SentAlone { sent, left } => {
            controller.charge_fixed(at, *sent);
            // A state that began later has not measured that time.
            if *left == controller.lineage() {
                controller.count_beside(*sent);
            }
            Change::Nothing
        }
    }
}

struct Dealt {
    slots: Vec<Grant>,
    ticket: Option<u64>,
    come_at: Time,
}

/// Slots for those who want some, if it is their turn; else the time of it.
fn deal(controller: &mut Controller, turns: &mut Turns, now: Time, request: &SyncRequest) -> Dealt {
    let none = |ticket, come_at| Dealt {
        slots: Vec::new(),
        ticket,
        come_at,
    };
    // A ticket may be of a state that was lost with its store.
    let known = request.ticket.filter(|ticket| turns.has_given(*ticket));
    let is_alone = request.alone_for.is_some() && now < turns.meets_at();
    let Some(first) = request.wanted.first().filter(|_| !is_alone) else {
        known.into_iter().for_each(|ticket| turns.given_up(ticket));
        return none(None, now);
    };
    let lead = request.lead;
    let rate = controller.pace_now();
    turns.pass_over(now, rate, lead);
    let (opens, may_change) = controller.next_at(now, *first);
    let is_near = opens <= now + lead;
    // Nobody came in time whose turn it was: whoever is here takes it.
    let is_lying = opens <= now && !may_change;
    let ticket = known.unwrap_or_else(|| turns.ticket());
    if !is_near {
        turns.closed_until(early(opens, lead));
    }
    if !is_near || !(is_lying || turns.is_turn(ticket, rate, lead)) {
        // An answer that is under way may come at any moment: those whose turn is next look again soon.
        let open = if may_change {
            now + SHORTEST_LEASE
        } else {
            early(opens, lead).max(now)
        };
        let come_at = turns.come_at(ticket, rate, open);
        return none(Some(ticket), come_at.min(now + turns.longest_stay()));
    }
    let reach = Reach {
        now,
        lead,
        until: now + lead + turns.lease(request.visit),
        had_to_wait: request.ticket.is_some(),
    };
    let mut slots = Vec::new();
    let mut at = now;
    let most = turns.most(rate, request.visit);
    // Slots were left lying: workers that were killed are counted for a while, and take no parts.
    let is_wasted = known.is_some() && controller.is_full(now);
    for cost in &request.wanted {
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
    turns.taken(ticket, slots.len().min(most), opens);
    let more = slots.len() < request.wanted.len();
    let ticket = more.then(|| turns.ticket());
    let come_at = ticket.map_or(now, |ticket| turns.come_at(ticket, rate, opens));
    Dealt {
        slots,
        ticket,
        come_at: come_at
            .min(now + turns.longest_stay())
            .max(now + turns.shortest_stay(request.visit)),
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
