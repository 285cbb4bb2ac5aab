//! Limits that say so with a status that means something else.

/// Statuses with which servers refuse requests over a limit, although most APIs use them for other problems: 403
/// (django-ratelimit, Apache's mod_evasive), 420 (X's first API), 430 (Shopify), 503 (nginx's `limit_req`), 509 (Apache's
/// mod_bw, cPanel), 529 (overload), 999 (LinkedIn).
const STATUSES: [u16; 7] = [403, 420, 430, 503, 509, 529, 999];

/// Returns whether servers refuse by this status, too.
pub(crate) fn may_be_of_a_limit(status: u16) -> bool {
    STATUSES.contains(&status)
}

/// Minimum number of accepted requests before a suspicion: a wrong token has none, and limits of five requests a minute
/// are common (the examples of django-ratelimit).
const ACCEPTED: u32 = 5;

/// Minimum number of responses in a row with one of the statuses.
const IN_A_ROW: u32 = 10;

/// Recognises a limit that the settings do not know: after a stretch of accepted requests come nothing but responses with
/// one of these statuses.
#[derive(Debug, Default)]
pub(crate) struct SilentLimit {
    accepted: u32,
    status: u16,
    in_a_row: u32,
    suspected: Option<u16>,
}

impl SilentLimit {
    /// Takes the status of the next response that is not a refusal.
    pub(crate) fn note(&mut self, status: u16) {
        if !may_be_of_a_limit(status) {
            self.in_a_row = 0;
            self.accepted = self.accepted.saturating_add(u32::from(status < 400));
            return;
        }
        if status != self.status {
            (self.status, self.in_a_row) = (status, 0);
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        if self.accepted >= ACCEPTED && self.in_a_row >= IN_A_ROW {
            self.suspected.get_or_insert(status);
        }
    }

    /// Returns the status that is perhaps a limit's.
    pub(crate) fn suspected(&self) -> Option<u16> {
        self.suspected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspected(statuses: &[(u16, usize)]) -> Option<u16> {
        let mut limit = SilentLimit::default();
        for (status, times) in statuses {
            (0..*times).for_each(|_| limit.note(*status));
        }
        limit.suspected()
    }

    #[test]
    fn a_row_of_one_status_after_a_stretch_of_successes_is_perhaps_a_limit() {
        for (statuses, expected) in [
            (&[(200, 100), (403, 10)][..], Some(403)),
            (&[(200, 100), (403, 10), (200, 50)], Some(403)),
            (&[(200, 4), (404, 5), (201, 1), (503, 10)], Some(503)),
            (&[(200, 4), (404, 5), (403, 100)], None),
            (&[(200, 100), (403, 9)], None),
            (&[(200, 100), (403, 9), (200, 1), (403, 9)], None),
            (&[(200, 100), (403, 9), (503, 9), (403, 9)], None),
            // A wrong token, missing pages, a server that is down.
            (&[(403, 100)], None),
            (&[(200, 100), (404, 100)], None),
            (&[(200, 100), (500, 100)], None),
        ] {
            assert_eq!(suspected(statuses), expected, "{statuses:?}");
        }
    }
}
