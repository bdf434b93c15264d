use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["policies:read"]);

#[resource(uri = "company://a", authenticated, mime_type = "markdown")]
async fn media_type() {}

#[resource(uri = "company://b", authenticated, size = "2 KiB")]
async fn size() {}

#[resource(uri = "company://c/{page}", authenticated, size = 2048)]
async fn size_of_a_template(page: u32) {}

#[resource(uri = "company://d", authenticated, audience("model"))]
async fn unknown_audience() {}

#[resource(uri = "company://e", authenticated, audience("user", "user"))]
async fn audience_twice() {}

#[resource(uri = "company://f", authenticated, priority = 1.5)]
async fn priority() {}

#[resource(uri = "company://g", authenticated, priority = -1)]
async fn negative_priority() {}

fn main() {}
