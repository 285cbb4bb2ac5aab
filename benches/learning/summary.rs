//! Figures of a random set, with their bounds and goals.

use serde_json::{Value, json};

use crate::figures::{Outcome, quantile};
use crate::sets::{Kind, Shape};

/// Whether a higher or a lower value is better.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Better {
    Higher,
    Lower,
}

/// One line of the summary.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    name: &'static str,
    value: f64,
    must: f64,
    goal: f64,
    better: Better,
}

impl Figure {
    fn meets(&self, bound: f64) -> bool {
        match self.better {
            Better::Higher => self.value >= bound,
            Better::Lower => self.value <= bound,
        }
    }

    fn verdict(&self) -> &'static str {
        // Figures of kinds that `--kind` excludes.
        if self.value.is_nan() {
            return "not played";
        }
        match (self.meets(self.goal), self.meets(self.must)) {
            (true, _) => "goal met",
            (false, true) => "must met",
            (false, false) => "MISSED",
        }
    }

    pub(crate) fn line(&self) -> String {
        let Self {
            name,
            value,
            must,
            goal,
            ..
        } = self;
        format!(
            "| {name:62} | {value:7.2} | {must:6} | {goal:6} | {:8} |",
            self.verdict()
        )
    }

    pub(crate) fn json(&self) -> Value {
        let Self {
            name,
            value,
            must,
            goal,
            ..
        } = self;
        json!({ "figure": name, "value": value, "must": must, "goal": goal, "verdict": self.verdict() })
    }
}

/// Returns the figures of a random set.
pub(crate) fn summary(outcomes: &[Outcome]) -> Vec<Figure> {
    // The values of all cases of some kinds.
    let of = |kinds: &[Kind], value: fn(&Outcome) -> f64| -> Vec<f64> {
        outcomes
            .iter()
            .filter(|outcome| kinds.contains(&outcome.case.kind))
            .map(value)
            .collect()
    };
    let steady: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|kind| matches!(kind, Kind::Steady(..)))
        .collect();
    let percent = |value: f64| 100.0 * value;
    let lowest_median = steady
        .iter()
        .map(|kind| quantile(&of(&[*kind], Outcome::share), 0.5))
        .fold(f64::INFINITY, f64::min);
    let refused = |fast: bool, q: f64| {
        let picked = outcomes
            .iter()
            .filter(|outcome| steady.contains(&outcome.case.kind));
        let picked = picked.filter(|outcome| (outcome.case.per_second >= 3.0) == fast);
        percent(quantile(
            &picked.map(|outcome| outcome.refused).collect::<Vec<_>>(),
            q,
        ))
    };
    let share = |kind: Kind, q: f64| percent(quantile(&of(&[kind], Outcome::share), q));
    let seconds = |kind: Kind, q: f64| quantile(&of(&[kind], |outcome| outcome.seconds), q);
    let jain = |shape: Shape| quantile(&of(&[Kind::Fair(shape)], |outcome| outcome.fairness), 0.5);
    let worst_share = percent(quantile(&of(&steady, Outcome::share), 0.0));
    let worst_refused = refused(true, 1.0).max(refused(false, 1.0));
    let announcing: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|kind| matches!(kind, Kind::Announced(_)))
        .collect();
    let announced = of(&announcing, Outcome::share);
    let mean_share = percent(announced.iter().sum::<f64>() / announced.len() as f64);
    let refusals = of(&announcing, |outcome| outcome.refused);
    let mean_refused = percent(refusals.iter().sum::<f64>() / refusals.len() as f64);
    use Better::{Higher, Lower};
    let figure = |name, value, must, goal, better| Figure {
        name,
        value,
        must,
        goal,
        better,
    };
    vec![
        figure(
            "utilisation, % of the oracle's: lowest median of a kind",
            percent(lowest_median),
            97.0,
            99.0,
            Higher,
        ),
        figure(
            "utilisation, % of the oracle's: worst scenario",
            worst_share,
            88.0,
            94.0,
            Higher,
        ),
        figure(
            "strict pacing, % of the oracle's: median",
            share(Kind::Pacing, 0.5),
            95.0,
            98.0,
            Higher,
        ),
        figure(
            "strict pacing, % of the oracle's: worst",
            share(Kind::Pacing, 0.0),
            90.0,
            95.0,
            Higher,
        ),
        figure(
            "refused %, limits of 3/s and more: median",
            refused(true, 0.5),
            0.5,
            0.2,
            Lower,
        ),
        figure(
            "refused %, limits below 3/s: median",
            refused(false, 0.5),
            1.2,
            0.5,
            Lower,
        ),
        figure("refused %: worst scenario", worst_refused, 5.0, 1.0, Lower),
        figure(
            "90% of 30-100/s gets through from 2/s, seconds: median",
            seconds(Kind::Start, 0.5),
            20.0,
            10.0,
            Lower,
        ),
        figure(
            "90% of 30-100/s gets through from 2/s, seconds: p90",
            seconds(Kind::Start, 0.9),
            40.0,
            20.0,
            Lower,
        ),
        figure(
            "limit x 2 found to 90%, seconds: median",
            seconds(Kind::Double, 0.5),
            60.0,
            40.0,
            Lower,
        ),
        figure(
            "limit x 2 found to 90%, seconds: p90",
            seconds(Kind::Double, 0.9),
            90.0,
            55.0,
            Lower,
        ),
        figure(
            "limit x 0.5 absorbed, seconds: median",
            seconds(Kind::Halve, 0.5),
            10.0,
            5.0,
            Lower,
        ),
        figure(
            "limit x 0.5 absorbed, seconds: p90",
            seconds(Kind::Halve, 0.9),
            60.0,
            20.0,
            Lower,
        ),
        figure(
            "four clients on one limit, Jain: token buckets",
            jain(Shape::Bucket),
            0.95,
            0.99,
            Higher,
        ),
        figure(
            "four clients on one limit, Jain: windows",
            jain(Shape::Sliding),
            0.88,
            0.95,
            Higher,
        ),
        figure(
            "bursty demand, % of the oracle's: worst",
            share(Kind::Bursty, 0.0),
            94.0,
            98.0,
            Higher,
        ),
        figure(
            "restart with memory, seconds to 90%: median",
            seconds(Kind::Restart, 0.5),
            5.0,
            2.0,
            Lower,
        ),
        figure(
            "restart with memory, seconds to 90%: p90",
            seconds(Kind::Restart, 0.9),
            5.0,
            2.0,
            Lower,
        ),
        figure(
            "servers that announce, % of the oracle's: mean",
            mean_share,
            97.0,
            99.0,
            Higher,
        ),
        figure(
            "servers that announce, refused %: mean",
            mean_refused,
            0.1,
            0.01,
            Lower,
        ),
    ]
}
