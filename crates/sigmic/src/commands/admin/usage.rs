//! `sigmic admin set-limits` and `sigmic admin set-price`.

use std::sync::Arc;

use serde_json::json;
use tenancy::{Price, UsageAdmin, UsageCaps, nanousd};

use super::command::{Answer, organization};
use super::widgets::refused;
use crate::args::{LimitsArguments, PriceArguments};
use crate::failure::Failure;
use crate::instance::Instance;

fn admin(instance: &Instance) -> UsageAdmin {
    UsageAdmin::new(instance.store.clone(), Arc::clone(&instance.clock))
}

fn money(dollars: f64) -> Result<i64, Failure> {
    nanousd(dollars).ok_or_else(|| Failure::Usage(format!("{dollars} is not from 0 to 10^9")))
}

/// Sets the monthly caps, of tasks and of tokens, and of their cost.
pub(super) async fn set_limits(
    instance: &Instance,
    arguments: LimitsArguments,
) -> Result<Answer, Failure> {
    let LimitsArguments {
        tasks,
        tokens,
        cost_usd,
    } = arguments;
    let (organization_id, _) = organization(instance).await?;
    let caps = UsageCaps {
        monthly_tasks: tasks,
        monthly_tokens: tokens,
        monthly_cost_nanousd: cost_usd.map(money).transpose()?,
    };
    let done = admin(instance).set_caps(organization_id, caps).await;
    done.map_err(refused)?;
    let shown = |cap: Option<String>| cap.unwrap_or_else(|| "unlimited".to_owned());
    Ok(Answer {
        json: json!({
            "monthlyTasks": tasks,
            "monthlyTokens": tokens,
            "monthlyCostUsd": cost_usd,
        }),
        text: vec![format!(
            "A month: tasks {}, tokens {}, dollars {}",
            shown(tasks.map(|cap| cap.to_string())),
            shown(tokens.map(|cap| cap.to_string())),
            shown(cost_usd.map(|cap| cap.to_string())),
        )],
    })
}

/// Sets the price of one model and leaves the others.
pub(super) async fn set_price(
    instance: &Instance,
    arguments: PriceArguments,
) -> Result<Answer, Failure> {
    let PriceArguments {
        model,
        input,
        output,
        cached,
    } = arguments;
    let (organization_id, _) = organization(instance).await?;
    let admin = admin(instance);
    let mut prices = admin.prices(organization_id).await.map_err(refused)?;
    prices.retain(|price| price.model != model);
    prices.push(Price {
        model: model.clone(),
        input_nanousd: money(input)?,
        output_nanousd: money(output)?,
        cached_nanousd: money(cached)?,
    });
    let done = admin.set_prices(organization_id, prices).await;
    done.map_err(refused)?;
    Ok(Answer {
        json: json!({
            "model": model,
            "inputUsd": input,
            "outputUsd": output,
            "cachedUsd": cached,
        }),
        text: vec![format!("{model} has its price")],
    })
}
