//! Refusals that no pause cures: the quota of a day, of a plan, or of money is used up. By vendor, with sources.

use super::dialect::{Dialect, QuotaSign, When};

/// A quota that is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quota {
    /// The word by which it was recognized: a word of the table or of the configuration, never one of the body.
    pub(crate) word: Box<str>,
    /// Whether it renews by itself.
    pub(crate) renews: bool,
}

/// Returns whether the body of this status may say that a quota is used up.
pub(super) fn may_be_named(dialect: &Dialect, status: u16) -> bool {
    let mut signs = COMMON.iter().chain(dialect.spent);
    signs.any(|sign| sign.statuses.contains(&status))
}

/// Returns the sign of a quota that renews by itself.
const fn renews(statuses: &'static [u16], when: When) -> QuotaSign {
    QuotaSign {
        statuses,
        when,
        renews: true,
    }
}

/// Returns the sign of a refusal that the owner of the account has to end.
const fn spent(statuses: &'static [u16], when: When) -> QuotaSign {
    QuotaSign {
        statuses,
        when,
        renews: false,
    }
}

/// Statuses under which the servers of OpenAI's protocol refuse for want of money.
const OF_MONEY: &[u16] = &[402, 403, 429];

/// OpenAI's words for an account without money or quota.
const OPENAI_WORDS: &[&str] = &[
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
];

/// Signs of every dialect: OpenAI's words are those of the many servers that use its protocol
/// (platform.openai.com, error codes).
pub(super) const COMMON: &[QuotaSign] = &[
    spent(OF_MONEY, When::Is("error.code", OPENAI_WORDS)),
    spent(OF_MONEY, When::Is("error.type", OPENAI_WORDS)),
    spent(OF_MONEY, When::Is("error", OPENAI_WORDS)),
    spent(OF_MONEY, When::Is("code", OPENAI_WORDS)),
    spent(OF_MONEY, When::Is("type", OPENAI_WORDS)),
];

/// The hard limit of the account is a 400 where images are made (platform.openai.com, error codes).
pub(super) const OPENAI: &[QuotaSign] = &[
    spent(&[400, 429], When::Is("error.code", OPENAI_WORDS)),
    spent(&[400, 429], When::Is("error.type", OPENAI_WORDS)),
];

/// The calls of a month, by plan (support.airtable.com, managing API call limits).
const AIRTABLE_WORDS: &[&str] = &["PUBLIC_API_BILLING_LIMIT_EXCEEDED"];

/// Airtable's errors come in a list, as an object, or as a text.
pub(super) const AIRTABLE: &[QuotaSign] = &[
    spent(&[403, 429], When::Is("errors.*.error", AIRTABLE_WORDS)),
    spent(&[403, 429], When::Is("error.type", AIRTABLE_WORDS)),
    spent(&[403, 429], When::Is("error", AIRTABLE_WORDS)),
];

/// 402 `billing_error`, and 400 with a message about the balance or the limit of spending (docs.anthropic.com,
/// errors; API and billing).
pub(super) const ANTHROPIC: &[QuotaSign] = &[
    spent(
        &[400, 402, 403, 429],
        When::Is("error.type", &["billing_error"]),
    ),
    spent(
        &[400, 402, 403, 429],
        When::Contains(
            "error.message",
            &["credit balance is too low", "specified API usage limits"],
        ),
    ),
];

/// Quotas of a day, which renew at midnight in California, and those of the project (developers.google.com, global
/// domain of errors; YouTube Data API, errors). An account without billing needs its owner.
pub(super) const GOOGLE: &[QuotaSign] = &[
    renews(
        &[403, 429],
        When::Is(
            "error.errors.*.reason",
            &[
                "dailyLimitExceeded",
                "dailyLimitExceededUnreg",
                "quotaExceeded",
            ],
        ),
    ),
    renews(
        &[403, 429],
        When::Contains("error.details.*.violations.*.quotaId", &["PerDay"]),
    ),
    renews(
        &[403, 429],
        When::Contains("error.details.*.metadata.quota_limit", &["PerDay"]),
    ),
    spent(
        &[403],
        When::Is("error.errors.*.reason", &["storageQuotaExceeded"]),
    ),
    spent(
        &[403],
        When::Is("error.details.*.reason", &["BILLING_DISABLED"]),
    ),
];

/// The day of the account, until midnight in its time zone; no header says when (developers.hubspot.com, usage
/// guidelines).
pub(super) const HUBSPOT: &[QuotaSign] = &[renews(&[429], When::Is("policyName", &["DAILY"]))];

/// Calls of a day, by plan (developer.monday.com, rate limits).
pub(super) const MONDAY: &[QuotaSign] = &[renews(
    &[200, 429],
    When::Is("errors.*.extensions.code", &["DAILY_LIMIT_EXCEEDED"]),
)];

/// A block of the integration, which must not retry (developers.notion.com/reference/request-limits).
pub(super) const NOTION: &[QuotaSign] = &[spent(
    &[403, 429, 529],
    When::Is(
        "additional_data.rate_limit_reason",
        &["public_api_request_blocked"],
    ),
)];

/// The requests of 24 hours; the same code stands for too many long requests at once, which a pause cures
/// (developer.salesforce.com, API request limits and allocations).
pub(super) const SALESFORCE: &[QuotaSign] = &[renews(
    &[403, 503],
    When::Contains("message", &["TotalRequests Limit exceeded"]),
)];

/// The requests of the team (docs.slack.dev, errors of the Web API).
pub(super) const SLACK: &[QuotaSign] = &[spent(
    &[200, 429],
    When::Is("error", &["team_quota_exceeded"]),
)];

/// The messages of a day (twilio.com/docs/api/errors/63038).
pub(super) const TWILIO: &[QuotaSign] = &[renews(&[429], When::Is("code", &["63038"]))];

/// The posts of a month, and prepaid credits (docs.x.com, response codes and errors).
pub(super) const X: &[QuotaSign] = &[
    spent(
        OF_MONEY,
        When::Is("title", &["UsageCapExceeded", "CreditsDepleted"]),
    ),
    spent(OF_MONEY, When::Contains("type", &["problems/usage-capped"])),
];
