use chrono::Datelike;
use serde::Serialize;

use super::customers::REGIONS;
use super::{SampleRng, months};
use crate::domain::Quarter;

/// A row of the table `revenue`.
#[derive(Serialize)]
pub(super) struct Revenue {
    quarter: Quarter,
    product: &'static str,
    region: &'static str,
    amount_usd: u32,
}

/// Products, and their base revenue per region and quarter, in thousands of US dollars.
const PRODUCTS: [(&str, u32); 3] = [("Platform", 640), ("Integrations", 210), ("Services", 120)];

/// Returns the revenue of every quarter, product and region.
pub(super) fn all() -> Vec<Revenue> {
    let mut rng = SampleRng::new(3);
    let mut rows = Vec::new();
    for (age, quarter) in (0..).zip(quarters()) {
        for (product, base) in PRODUCTS {
            for (rank, region) in (0..).zip(REGIONS) {
                // Grows by 3 % of the base per quarter, is lower in later regions, and varies randomly.
                let percent = 100 + 3 * age + rng.between(0, 6) - 15 * rank;
                rows.push(Revenue {
                    quarter,
                    product,
                    region,
                    amount_usd: base * 10 * percent + rng.between(0, 999),
                });
            }
        }
    }
    rows
}

/// Returns every quarter with data.
fn quarters() -> impl Iterator<Item = Quarter> {
    months()
        .filter(|month| month.month0() % 3 == 0)
        .filter_map(|month| format!("{}-Q{}", month.year(), month.quarter()).parse().ok())
}
