use serde::Serialize;

use super::customers::REGIONS;
use super::{Dice, months};
use crate::domain::Quarter;
use chrono::Datelike;

/// A row of `revenue`.
#[derive(Serialize)]
pub(super) struct Revenue {
    quarter: Quarter,
    product: &'static str,
    region: &'static str,
    amount_usd: u32,
}

/// A product and what it earns in a region in the first quarter, in thousands of US dollars.
const PRODUCTS: [(&str, u32); 3] = [("Platform", 640), ("Integrations", 210), ("Services", 120)];

/// The revenue of every quarter, product and region.
pub(super) fn all() -> Vec<Revenue> {
    let mut dice = Dice::new(3);
    let mut rows = Vec::new();
    for (age, quarter) in (0..).zip(quarters()) {
        for (product, base) in PRODUCTS {
            for (distance, region) in (0..).zip(REGIONS) {
                // Three percent a quarter, less in the smaller regions, and a little luck.
                let percent = 100 + 3 * age + dice.between(0, 6) - 15 * distance;
                rows.push(Revenue {
                    quarter,
                    product,
                    region,
                    amount_usd: base * 10 * percent + dice.between(0, 999),
                });
            }
        }
    }
    rows
}

/// Every quarter with figures.
fn quarters() -> impl Iterator<Item = Quarter> {
    months()
        .filter(|month| month.month0() % 3 == 0)
        .filter_map(|month| format!("{}-Q{}", month.year(), month.quarter()).parse().ok())
}
