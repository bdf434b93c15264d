//! Rates: the literals of `rate` and `total_rate`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Ident;

use crate::runtime_path::RuntimePath;

/// Largest quantity, as in `runtime/src/rate.rs`.
const MAX_QUANTITY: u32 = 1_000_000;

/// A rate, such as `30/minute`.
pub(crate) struct Rate {
    quantity: u32,
    /// Name of the constructor.
    constructor: &'static str,
}

impl Rate {
    /// Reads the text of a literal.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (quantity, unit) = text.split_once('/')?;
        let is_number = quantity.bytes().all(|byte| byte.is_ascii_digit());
        let quantity = quantity.parse().ok().filter(|quantity| is_number && (1..=MAX_QUANTITY).contains(quantity))?;
        let constructor = match unit {
            "second" => "per_second",
            "minute" => "per_minute",
            "hour" => "per_hour",
            "day" => "per_day",
            _ => return None,
        };
        Some(Self { quantity, constructor })
    }

    /// Returns the rate as an expression.
    pub(crate) fn expression(&self, runtime: &RuntimePath) -> TokenStream {
        let (quantity, constructor) = (self.quantity, Ident::new(self.constructor, Span::call_site()));
        quote!(#runtime::Rate::#constructor(#quantity))
    }
}
