//! Quarterly revenue.

use schemars::JsonSchema;
use serde::Serialize;
use toolgate::Granted;

use super::Company;
use crate::access::RevenueRead;
use crate::domain::Quarter;

/// The revenue of one quarter. All amounts are whole US dollars.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RevenueReport {
    /// The quarter.
    pub quarter: Quarter,
    /// The total revenue of the quarter.
    pub total_usd: i64,
    /// The total revenue of the previous quarter. Absent if that quarter has no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_total_usd: Option<i64>,
    /// The change from the previous quarter, in percent. Absent if that quarter has no data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub growth_percent: Option<f64>,
    /// The revenue by product, the largest first.
    pub by_product: Vec<RevenueShare>,
    /// The revenue by region, the largest first.
    pub by_region: Vec<RevenueShare>,
}

/// The revenue of one product or region in a quarter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, sqlx::FromRow)]
#[schemars(inline)]
pub struct RevenueShare {
    /// The name of the product or region.
    pub name: String,
    /// The revenue, in whole US dollars.
    pub amount_usd: i64,
}

impl Company {
    /// Returns the revenue of a quarter, or `None` if the quarter has no data.
    pub async fn revenue_report(
        &self,
        _access: &Granted<RevenueRead>,
        quarter: Quarter,
    ) -> Result<Option<RevenueReport>, sqlx::Error> {
        let Some(total_usd) = self.revenue(quarter).await? else {
            return Ok(None);
        };
        let previous_total_usd = match quarter.previous() {
            Some(previous) => self.revenue(previous).await?,
            None => None,
        };
        let by_product = sqlx::query_as(
            "SELECT product AS name, sum(amount_usd) AS amount_usd
             FROM revenue WHERE quarter = ?1 GROUP BY product ORDER BY amount_usd DESC, name",
        )
        .bind(quarter.to_string())
        .fetch_all(&self.pool)
        .await?;
        let by_region = sqlx::query_as(
            "SELECT region AS name, sum(amount_usd) AS amount_usd
             FROM revenue WHERE quarter = ?1 GROUP BY region ORDER BY amount_usd DESC, name",
        )
        .bind(quarter.to_string())
        .fetch_all(&self.pool)
        .await?;
        Ok(Some(RevenueReport {
            quarter,
            total_usd,
            previous_total_usd,
            growth_percent: previous_total_usd.and_then(|before| growth(before, total_usd)),
            by_product,
            by_region,
        }))
    }

    /// Returns the first and the last quarter with data, as text.
    pub async fn revenue_quarters(&self, _access: &Granted<RevenueRead>) -> Result<(String, String), sqlx::Error> {
        sqlx::query_as("SELECT min(quarter), max(quarter) FROM revenue").fetch_one(&self.pool).await
    }

    /// Returns the quarters with data that begin with `prefix`, the latest first.
    pub async fn quarters(&self, _access: &Granted<RevenueRead>, prefix: &str) -> Result<Vec<String>, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT DISTINCT quarter FROM revenue WHERE substr(quarter, 1, length(?1)) = ?1
             ORDER BY quarter DESC LIMIT 100",
        )
        .bind(prefix)
        .fetch_all(&self.pool)
        .await
    }

    async fn revenue(&self, quarter: Quarter) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar("SELECT sum(amount_usd) FROM revenue WHERE quarter = ?1")
            .bind(quarter.to_string())
            .fetch_one(&self.pool)
            .await
    }
}

/// Returns the change from `before` to `after` in percent, with two decimals.
#[expect(clippy::cast_precision_loss, reason = "hundredths of a percent stay far below 2^52")]
fn growth(before: i64, after: i64) -> Option<f64> {
    let hundredths = (after - before).checked_mul(10_000)?.checked_div(before)?;
    Some(hundredths as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    use super::growth;

    #[test]
    fn growth_is_relative_to_the_earlier_quarter() {
        assert_eq!(growth(200, 250), Some(25.0));
        assert_eq!(growth(300, 200), Some(-33.33));
        assert_eq!(growth(0, 200), None);
    }
}
