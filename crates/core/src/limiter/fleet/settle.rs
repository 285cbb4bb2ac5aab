//! Decides about one synchronisation: the fleet's controller takes in a worker's reports and deals out slots.

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

/// How long settings count as in use after the last write. Other settings under one key are a mistake until then;
/// later they take over.
const ALIVE_FOR: Duration = Duration::from_secs(40);

/// Number of visits after which workers that were alone and meet have reported what they sent: one, and a second one after
/// a lost race.
const REPORTED_AFTER_VISITS: u32 = 2;

/// Result of [`settle()`].
#[derive(Debug)]
pub enum Settled {
    /// Write the record, unless another worker has written meanwhile; then give the reply to the worker.
    Write(Box<Record>, SyncReply),
    /// Nothing changed. Give the reply to the worker.
    Keep(SyncReply),
    /// A fleet with other settings is in use under this key.
    OtherSettings,
}

/// Decides about a synchronisation, from the record in the store and the store's time when it was read.
///
/// `settings` and `fingerprint` are those of the [`Member`](super::member::Member) that asks.
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
    // A damaged state is begun anew, like one that can't be read.
    let before = found.filter(|it| !foreign && it.is_plausible(settings, now));
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
    // The store was emptied, and this worker knows the fleet from before.
    let memory = request
        .memory
        .as_ref()
        .filter(|_| request.workers > 0 && request.seen_lineage != controller.lineage());
    if let Some(memory) = memory {
        // A newcomer came first, and could not know what was used of known limits.
        if turns.learns_of_its_past() {
            controller.add_to_known_limits(now, memory);
        }
        if controller.has_learned_nothing() {
            change = controller.restore(now, memory, memory.at());
        }
    }
    for timed in &request.reports {
        change = change.or_graver(report(&mut controller, now, timed));
    }
    let disagreement = controller.disagreement(now);
    let before_this = request
        .counted
        .filter(|_| controller.lineage() == request.seen_lineage);
    let counted = turns.attend(now, before_this);
    // The outcome of a slot is reported with a later visit.
    controller.set_known_after(turns.shortest_stay(request.visit));
    let dealt = deal(&mut controller, &mut turns, now, request);
    let lease = turns.lease(request.visit);
    // While callers wait at the start, each success lets more go.
    let report_within = if dealt.ticket.is_some() && controller.searches() {
        turns.shortest_stay(request.visit)
    } else {
        2 * lease
    };
    let reply = SyncReply {
        now,
        slots: dealt.slots,
        ticket: dealt.ticket,
        come_at: dealt.come_at,
        lease,
        report_within,
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

/// Begins a state with what the worker knows.
fn begun(now: Time, request: &SyncRequest, settings: &Settings) -> (Controller, Turns) {
    let mut controller = Controller::new(settings.clone(), now).of_lineage(request.lineage);
    if let Some(memory) = &request.memory {
        let _ = controller.restore(now, memory, memory.at());
    }
    let pause = ManualReport::Exhausted {
        wait: request.pause,
        by_reset: false,
        chance: 0.0,
    };
    let _ = controller.report_manually(now, pause);
    let turns = Turns::new(now).with_workers_before(now, request.workers);
    (controller, turns)
}

/// Takes one report of a worker in.
fn report(controller: &mut Controller, now: Time, timed: &TimedReport) -> Change {
    let TimedReport { at, report } = timed;
    // Clocks are only compared, so an event may seem to lie in the future. It does not.
    let at = (*at).min(now);
    match report {
        // The grant is of a state that is gone, or of a worker that was alone: a refusal can only prolong a pause.
        Report::Request { grant, outcome, .. } if grant.lineage != controller.lineage() => {
            match *outcome {
                Outcome::Refused { hint, chance, .. } => {
                    controller.refused_elsewhere(at, hint, chance)
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
            controller.charge_announced(at, *sent);
            // A state that began later has not measured that time.
            if *left == controller.lineage() {
                controller.count_beside(*sent);
            }
            Change::Nothing
        }
    }
}

/// Slots for a worker, and when it should come again.
struct Dealt {
    slots: Vec<Grant>,
    ticket: Option<u64>,
    come_at: Time,
}

/// Deals out slots, if it is the worker's turn; else says when it will be.
fn deal(controller: &mut Controller, turns: &mut Turns, now: Time, request: &SyncRequest) -> Dealt {
    let none = |ticket, come_at| Dealt {
        slots: Vec::new(),
        ticket,
        come_at,
    };
    // The ticket may be of a state that was lost with its store.
    let known = request.ticket.filter(|ticket| turns.has_given(*ticket));
    let is_alone = request.alone_for.is_some() && now < turns.meets_at();
    let reported_by = turns.meets_at() + REPORTED_AFTER_VISITS * request.visit;
    let Some(first) = request.wanted.first().filter(|_| !is_alone) else {
        known.into_iter().for_each(|ticket| turns.given_up(ticket));
        return none(None, now);
    };
    if now < reported_by {
        return none(known, reported_by);
    }
    let lead = request.lead;
    let rate = controller.pace_now();
    turns.pass_over(now, rate, lead);
    let (opens, may_change) = controller.next_at(now, *first);
    let is_near = opens <= now + lead;
    // A turn that was not taken in time goes to the worker that is here.
    let is_lying = opens <= now && !may_change;
    let ticket = known.unwrap_or_else(|| turns.ticket());
    if !is_near {
        turns.closed_until(early(opens, lead));
    }
    if !is_near || !(is_lying || turns.is_turn(ticket, rate, lead)) {
        // A pending response may come at any moment, so the workers whose turn is next look again soon.
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
    // Slots are being wasted: killed workers are still counted for a while, and take no parts.
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
    // Slots beyond a part are no usual batch: counting them would make the others come late.
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
    /// Whether the worker had to come again for them.
    had_to_wait: bool,
}

impl Reach {
    /// Returns the next slot from `at` on, if it is within reach.
    fn slot(&self, controller: &mut Controller, at: Time, cost: u32) -> Option<Grant> {
        // A caller whose slot was ready did not wait for the limit, but only for the store.
        let waited = self.had_to_wait || at > self.now;
        let later = match controller.poll(at, cost, waited) {
            Poll::Grant(grant) => return Some(grant),
            Poll::At(later) if later <= self.until => later,
            // Far ahead the outcome is unknown: where a canary is out, the time is that of its loss.
            Poll::AfterFeedback(later) if later <= self.now + self.lead => later,
            _ => return None,
        };
        match controller.poll(later, cost, true) {
            Poll::Grant(grant) => Some(grant),
            _ => None,
        }
    }
}

/// Returns the time `lead` before `time`.
fn early(time: Time, lead: Duration) -> Time {
    Time::from_nanos(
        time.as_nanos()
            .saturating_sub(lead.as_nanos().try_into().unwrap_or(u64::MAX)),
    )
}
