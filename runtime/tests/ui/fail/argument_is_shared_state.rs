use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

use std::{
    rc::Rc,
    sync::{Arc, Mutex, RwLock},
};

struct Db;

struct Pool<T>(T);

trait Directory {}

#[tool(authenticated)]
async fn shared(db: Arc<Db>) {}

#[tool(authenticated)]
async fn shared_and_locked(db: Arc<RwLock<Db>>) {}

#[tool(authenticated)]
async fn trait_object(directory: Arc<dyn Directory>) {}

#[tool(authenticated)]
async fn not_thread_safe(db: Rc<Db>) {}

#[tool(authenticated)]
async fn locked(db: Mutex<Db>) {}

#[tool(authenticated)]
async fn pool(pool: Pool<Db>) {}

#[tool(authenticated)]
async fn text(name: Arc<str>) {}

fn main() {}
