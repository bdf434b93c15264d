//! Identity providers with which users of PropelAuth log in.

use crate::auth::IdentityProvider;

macro_rules! providers {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            #[allow(clippy::exhaustive_enums, reason = "the type has no values")]
            pub enum $name {}

            impl IdentityProvider for $name {
                const NAME: &'static str = $text;
            }
        )*
    };
}

providers! {
    /// Apple.
    Apple = "apple";
    /// Atlassian.
    Atlassian = "atlassian";
    /// GitHub.
    GitHub = "github";
    /// GitLab.
    GitLab = "gitlab";
    /// Google.
    Google = "google";
    /// `LinkedIn`.
    LinkedIn = "linkedin";
    /// Microsoft.
    Microsoft = "microsoft";
    /// Outreach.
    Outreach = "outreach";
    /// `QuickBooks`.
    QuickBooks = "quickbooks";
    /// Salesforce.
    Salesforce = "salesforce";
    /// Salesloft.
    Salesloft = "salesloft";
    /// Slack.
    Slack = "slack";
    /// Xero.
    Xero = "xero";
}
